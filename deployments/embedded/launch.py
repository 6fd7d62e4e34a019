"""Exec wrapper around every child process of the embedded stack, so that none of them outlives its parent.

Called by `deployments.embedded.child` (and by the job command of a flow run) by file path, as `python -I -S
launch.py [options] -- CMD...`; standard library only, since it runs before every child and in front of
interpreters that an unprivileged user may not even be able to reach. It ends in `exec`: the process id that
the caller knows is the process id of the command.

What it promises, in this order:

1. the kernel sends this process a signal (default SIGKILL) when its parent dies, even by kill -9;
2. with `--user`, as root: the command runs as that user, with no way back to more rights;
3. every `--need` path can be reached by that user under its own name. Where a directory above it is closed to
   the user (a 0700 home with the interpreter inside), a mount namespace private to this child shows only the
   needed part of it;
4. the command ignores no signal, whatever we were started by: a shell's `&` in a script ignores SIGINT for all
   below it, and Prefect's worker stops by a SIGINT to itself.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import pwd
import signal
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PR_SET_PDEATHSIG = 1
PR_SET_NO_NEW_PRIVS = 38
CLONE_NEWNS = 0x00020000
MS_BIND, MS_REC, MS_SLAVE = 0x1000, 0x4000, 0x80000
MS_NOSUID, MS_NODEV = 0x2, 0x4

REFUSED = 78  # EX_CONFIG: the supervisor shows the message and the operator changes something
NOT_FOUND = 127
ORPHANED = 125

_libc = ctypes.CDLL(None, use_errno=True)


def main(argv: Sequence[str]) -> NoReturn:
    """Do what the options ask for, then become the command."""
    options = _parse(argv)
    death_signal = signal.Signals[f"SIG{options.death_signal}"]
    _die_with_parent(death_signal, options.parent)
    if options.user is not None:
        _become(options.user, [Path(need) for need in options.need])
        _die_with_parent(death_signal, options.parent)  # a change of credentials cleared it
    _ignore_nothing()
    try:
        os.execvp(options.command[0], options.command)  # noqa: S606  no shell is the point
    except OSError as error:
        _refuse(f"{options.command[0]} cannot be started: {error.strerror}", NOT_FOUND)


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="launch", description="Run a command that dies with its parent.")
    parser.add_argument("--death-signal", default="KILL", help="signal sent when the parent dies")
    parser.add_argument("--parent", type=int, default=None, help="process id that must still be the parent")
    parser.add_argument("--user", default=None, help="run as this user (root only)")
    parser.add_argument("--need", action="append", default=[], help="path that the user must be able to reach")
    parser.add_argument("command", nargs="+", help="the command, after --")
    return parser.parse_args(argv)


def _refuse(message: str, code: int = REFUSED) -> NoReturn:
    sys.stderr.write(f"selfheal: {message}\n")
    raise SystemExit(code)


def _checked(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


def _die_with_parent(death_signal: signal.Signals, parent: int | None) -> None:
    """Ask for the signal, then look whether the parent had died before we asked."""
    _checked(_libc.prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0), "prctl(PR_SET_PDEATHSIG)")
    if parent is not None and os.getppid() != parent:
        raise SystemExit(ORPHANED)


def _ignore_nothing() -> None:
    """Give every signal its default meaning: what is ignored stays so across `exec`."""
    for number in signal.valid_signals():
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def _become(user: str, needs: list[Path]) -> None:
    """Show the needed paths to `user`, then turn into that user for good."""
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        _refuse(f"there is no user {user!r} on this machine; name another unprivileged user")
    if os.geteuid() != 0:
        if entry.pw_uid == os.geteuid():
            return
        _refuse(f"only root can run a server as {user!r}; leave the user out")
    cwd = os.getcwd()  # noqa: PTH109  the name of the directory, to find it again in the new namespace
    groups = os.getgrouplist(user, entry.pw_gid)
    _open_the_way(entry, groups, needs)
    os.setgroups(groups)
    os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
    os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)
    _checked(_libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl(PR_SET_NO_NEW_PRIVS)")
    try:
        os.chdir(cwd)
    except OSError:
        os.chdir("/")  # the caller's directory is not for this user; every path we pass on is absolute


def _open_the_way(entry: pwd.struct_passwd, groups: list[int], needs: list[Path]) -> None:
    """Make every needed path reachable; no namespace is made when all of them already are."""
    targets = sorted(need.resolve() for need in needs)  # before the names: a link is open once its target is
    names = sorted(Path(os.path.abspath(need)) for need in needs)  # noqa: PTH100  `resolve` would lose the name
    wanted = list(dict.fromkeys([*targets, *names]))
    blocked = [(path, closed) for path in wanted if (closed := _closed_directory(path, entry, groups))]
    if not blocked:
        return
    try:
        _private_namespace()
    except OSError as error:
        path, closed = blocked[0]
        _refuse(
            f"user {entry.pw_name!r} cannot enter {closed}, but needs {path} "
            f"({error.filename}: {error.strerror}). "
            f"Allow it (chmod o+x {closed}), or move the installation and the data folder elsewhere, "
            "or start Selfheal as an ordinary user instead of root",
        )
    handles = {path: _open_path(path) for path in wanted}  # after unshare: a bind needs a mount of this namespace
    for path, handle in handles.items():
        _uncover(path, handle, entry, groups)
        os.close(handle)


def _open_path(path: Path) -> int:
    try:
        return os.open(path, os.O_PATH)
    except OSError as error:
        _refuse(f"{path} is needed but cannot be opened: {error.strerror}")


def _uncover(path: Path, handle: int, entry: pwd.struct_passwd, groups: list[int]) -> None:
    """Cover the closed directories above `path` by empty open ones and bind `path` back to its name."""
    closed = _closed_directory(path, entry, groups)
    if closed == path:
        _refuse(f"user {entry.pw_name!r} cannot enter {path}: allow it with chmod -R go+rX {path}")
    if closed is not None:
        _mount("tmpfs", closed, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=1m")
    if path.exists():
        return
    if stat.S_ISDIR(os.fstat(handle).st_mode):
        path.mkdir(parents=True)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    _mount(f"/proc/self/fd/{handle}", path, None, MS_BIND | MS_REC, None)


def _closed_directory(path: Path, entry: pwd.struct_passwd, groups: list[int]) -> Path | None:
    """Return the first directory on the way to `path` (itself included) that the user cannot enter."""
    with _eyes_of(entry, groups):
        for step in (*reversed(path.parents), path):
            try:
                if stat.S_ISDIR(os.stat(step).st_mode):  # noqa: PTH116  needs the right to enter its parent only
                    os.stat(f"{step}/.")  # noqa: PTH116  the dot asks for the right to enter; Path would drop it
            except PermissionError:
                return step
            except OSError:
                return None  # missing: said when the needed path itself is opened
    return None


@contextlib.contextmanager
def _eyes_of(entry: pwd.struct_passwd, groups: list[int]) -> Iterator[None]:
    """Look at the file system with the rights of the user: ACLs and security modules answer too."""
    own_groups = os.getgroups()
    os.setgroups(groups)
    os.setegid(entry.pw_gid)
    os.seteuid(entry.pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(own_groups)


def _private_namespace() -> None:
    _checked(_libc.unshare(CLONE_NEWNS), "unshare(CLONE_NEWNS)")
    _mount("none", Path("/"), None, MS_REC | MS_SLAVE, None)


def _mount(source: str, target: Path, kind: str | None, flags: int, data: str | None) -> None:
    result = _libc.mount(
        source.encode(),
        os.fsencode(target),
        None if kind is None else kind.encode(),
        ctypes.c_ulong(flags),
        None if data is None else data.encode(),
    )
    _checked(result, f"mount({target})")


if __name__ == "__main__":
    main(sys.argv[1:])

"""Start one child process of the embedded stack; every part goes through here, so that none outlives us.

The parts (`postgres`, `nats`, `prefect_server`, `worker`) call `spawn` from the supervisor's main thread: the
kernel's parent-death signal watches the *thread* that forked, so a child started from a worker thread would
be killed when that thread ends.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

LAUNCH = Path(__file__).with_name("launch.py")


@dataclass(frozen=True, kw_only=True)
class RunAs:
    """The unprivileged user of the servers when we are root."""

    user: str
    needs: tuple[Path, ...]
    """What the user must reach: interpreter, packages, data folder."""


def run_as(user: str, *, folder: Path, needs: Sequence[Path] = ()) -> RunAs | None:
    """Return how servers are run from this process: as `user` when we are root, else as ourselves (None).

    Args:
        user: name of the unprivileged user.
        folder: the data folder.
        needs: what a server must reach besides it and this interpreter with its packages.
    """
    if os.geteuid() != 0:
        return None
    return RunAs(user=user, needs=(Path(sys.prefix), Path(sys.base_prefix), folder, *needs))


def wrapped(
    command: Sequence[str | Path],
    *,
    identity: RunAs | None = None,
    parent: int | None = None,
    death_signal: Literal["KILL", "TERM", "INT"] = "KILL",
) -> list[str]:
    """Return `command` wrapped so that it dies with its parent and runs as `identity`."""
    words = [sys.executable, "-I", "-S", str(LAUNCH), "--death-signal", death_signal]
    if parent is not None:
        words += ["--parent", str(parent)]
    if identity is not None:
        words += ["--user", identity.user]
        for need in identity.needs:
            words += ["--need", str(need)]
    return [*words, "--", *(str(word) for word in command)]


def spawn(
    command: Sequence[str | Path],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    identity: RunAs | None = None,
    folder: Path,
) -> subprocess.Popen[bytes]:
    """Start `command` in a session of its own, in `folder`, its output appended to `log`.

    The environment is ours without secrets meant for others: pass what the child needs, nothing is added to
    it.
    """
    inherited = environment if environment is not None else base_environment()
    with log.open("ab") as output:
        return subprocess.Popen(
            wrapped(command, identity=identity, parent=os.getpid()),
            env=dict(inherited),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=folder,
        )


def base_environment(*, home: Path | None = None) -> dict[str, str]:
    """Return the part of our environment that every child may see: paths and locale, never a credential."""
    kept = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "SSL_CERT_FILE")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    environment["PYTHONUNBUFFERED"] = "1"
    if home is not None:
        environment["HOME"] = str(home)
    return environment

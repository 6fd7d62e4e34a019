"""One folder holds everything that the embedded stack keeps: databases, streams, logs, secrets, ports.

`selfheal up` and `selfheal demo` open it; the lock makes sure that one stack at a time lives in it. Other
commands only read `run/stack.json` (see `stackfile`).

    FOLDER/ 0711                  credentials.json 0600, ports.json 0600, lock
      postgres/ nats/ prefect/ web/   0700, each its server's own (the unprivileged user's, when we are root)
      home/                       0700, ours: PREFECT_HOME of the worker and of our own clients
      logs/ run/                  0700, ours
"""

import fcntl
import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from deployments.embedded import credentials, ports
from deployments.embedded.credentials import Credentials
from selfheal.model.errors import NotAllowed, Permanent

SERVER_FOLDERS = ("postgres", "nats", "prefect", "web")
OWN_FOLDERS = ("home", "logs", "run")
RESTORING = "restoring"
"""Where `deployments.restore` works; while it is there the folder is half."""


@dataclass(frozen=True, kw_only=True)
class DataFolder:
    """An opened, locked data folder; leaving the `with` block lets go of the lock."""

    path: Path
    credentials: Credentials
    ports: Mapping[str, int]
    """By the setting's name, as in "prefect.port"."""
    lock: int
    """File descriptor that holds the lock for as long as it is open."""

    @property
    def logs(self) -> Path:
        """One file per part."""
        return self.path / "logs"

    @property
    def stack_file(self) -> Path:
        """What runs at the moment, for other commands."""
        return self.path / "run" / "stack.json"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self.lock)


def open_folder(path: Path, *, wanted_ports: Mapping[str, int | None], server_user: str = "nobody") -> DataFolder:
    """Open the folder for one stack, making whatever is missing in it.

    Args:
        path: the data folder; made when it is missing.
        wanted_ports: by the setting's name; None means any free port, kept from then on.
        server_user: owner of the servers' own folders when we are root.

    Raises:
        NotAllowed: another stack runs in the folder.
        Permanent: the folder cannot be used (not writable, disk full, no such user, a port in use).
    """
    path = path.absolute()
    lock = claim(path)
    try:
        refuse_half(path)
        owner = _server_owner(server_user)
        for name in SERVER_FOLDERS:
            _make(path / name, 0o700, owner=owner)
        for name in OWN_FOLDERS:
            _make(path / name, 0o700)
        return DataFolder(
            path=path,
            credentials=credentials.load_or_make(path / "credentials.json"),
            ports=ports.settle(path / "ports.json", wanted=wanted_ports),
            lock=lock,
        )
    except BaseException:
        os.close(lock)
        raise


def refuse_half(path: Path) -> None:
    """A restore that was killed has left neither the old data nor the new.

    Raises:
        Permanent: that is so here.
    """
    if (path / RESTORING).exists():
        raise Permanent(
            f"a restore into {path} was interrupted",
            hint="run `selfheal restore` again; what was there before it is in before-restore-... in that folder",
        )


def claim(path: Path) -> int:
    """Make the folder if it is missing and lock it; gives the file descriptor that holds the lock.

    Raises:
        NotAllowed: another stack runs in the folder.
        Permanent: the folder cannot be used.
    """
    _make(path, 0o711)
    return _lock(path / "lock")


def _make(path: Path, mode: int, *, owner: tuple[int, int] | None = None) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(mode)
        if owner is not None:
            os.chown(path, *owner)
    except OSError as error:
        raise Permanent(
            f"the data folder {path} cannot be used: {error.strerror}",
            hint="free space on that disk, make the folder yours, or name another data folder",
        ) from error


def _lock(path: Path) -> int:
    """Take the folder's lock, or say who holds it."""
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Permanent(
            f"{path} cannot be opened: {error.strerror}",
            hint="make the data folder yours, or name another one",
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.pread(lock, 32, 0).decode(errors="replace").strip() or "unknown"
        os.close(lock)
        raise NotAllowed(
            f"a stack already runs in {path.parent} (process {holder})",
            hint="stop that one first, or name another data folder",
        ) from error
    try:
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    except OSError as error:
        os.close(lock)
        raise Permanent(
            f"{path} cannot be written: {error.strerror}", hint="free space on that disk, or name another data folder"
        ) from error
    return lock


def _server_owner(user: str) -> tuple[int, int] | None:
    """Return user and group of the servers' folders, or None when we are not root."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(user)
    except KeyError as error:
        raise Permanent(
            f"there is no user {user!r} on this machine",
            hint="name another unprivileged user for the servers",
        ) from error
    if entry.pw_uid == 0:
        raise Permanent(f"user {user!r} is root", hint="name an unprivileged user for the servers")
    return entry.pw_uid, entry.pw_gid

"""The demo's data folder: a new temporary one, or a named one that is empty or was made by a demo before."""

import contextlib
import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from selfheal.model.errors import NotAllowed, Permanent

MARKER = ".selfheal-demo"
KEPT = frozenset({MARKER, "lock"})


def temporary() -> Path:
    """A new folder; the servers' user must be able to enter it."""
    folder = Path(tempfile.mkdtemp(prefix="selfheal-demo-"))
    folder.chmod(0o711)
    (folder / MARKER).touch()
    return folder


def emptied(folder: Path) -> Path:
    """The named folder, empty.

    Raises:
        NotAllowed: it holds something that no demo made, or a demo runs in it.
        Permanent: it cannot be used.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        inside = {path.name for path in folder.iterdir()}
        if inside and MARKER not in inside:
            raise NotAllowed(
                f"{folder} is not empty, and was not made by a demo",
                hint="name an empty folder, or none: then the demo makes a temporary one",
            )
        (folder / MARKER).touch()
        with _alone(folder):
            for path in folder.iterdir():
                if path.name not in KEPT:
                    _remove(path)
    except OSError as error:
        raise Permanent(f"{folder} cannot be used: {error.strerror}", hint="name another folder") from error
    return folder


def removed(folder: Path) -> None:
    """Remove a temporary folder; what cannot be removed stays."""
    shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the lock that a stack in the folder would hold."""
    with (folder / "lock").open("a", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise NotAllowed(
                f"a demo already runs in {folder}", hint="stop that one first, or name another folder"
            ) from error
        yield


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()

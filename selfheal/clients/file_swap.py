"""Puts a new file in place of an old one if that is still the one that was read, also against writers without a lock.

`clients.request_file` calls this. Two names are exchanged in one call (renameat2), and then we look at what came out:
what somebody else put there in the last moment is put back. A lease keeps those out who write in place. What gap
remains stands in docs/decisions/request-file.md.
"""

import ctypes
import errno
import os
from pathlib import Path

from selfheal.clients.file_copies import sync_folder
from selfheal.clients.file_lease import Lease, leased, wanted
from selfheal.clients.whole_file import in_our_words, read_open
from selfheal.model.errors import Transient
from selfheal.protocol.failpoint import reach

_HERE = -100  # AT_FDCWD
_EXCHANGE = 2
_NOT_HERE = frozenset({errno.ENOSYS, errno.EINVAL, errno.ENOTSUP})
_MOST_TURNS = 100
_HINTS = {errno.EBUSY: "the file itself is mounted, and cannot be replaced: mount its folder instead"}
_libc = ctypes.CDLL(None, use_errno=True)


def swap(path: Path, new: Path, *, expected: bytes) -> bool:
    """Put `new` at `path` if `expected` is what is there; False: it is not, or somebody is writing it: nothing is done.

    Afterwards `new` is the old file, or it is gone where names cannot be exchanged.

    Raises:
        Transient: it cannot be done; nothing was.
    """
    with in_our_words(f"{path} cannot be replaced", hints=_HINTS):
        try:
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            return False
        try:
            with leased(file) as lease:
                if lease is Lease.WRITTEN or read_open(file, path).data != expected or not _is_at(path, file):
                    return False
                return _swapped(path, new, file, lease, expected)
        finally:
            os.close(file)


def put(path: Path, new: Path) -> bool:
    """Give `new` the name `path` as well if nothing has it; False: something has."""
    with in_our_words(f"{path} cannot be written"):
        try:
            os.link(new, path)
        except FileExistsError:
            return False
        sync_folder(path.parent)
    return True


def _swapped(path: Path, new: Path, file: int, lease: Lease, expected: bytes) -> bool:
    """Exchange the two, look, and exchange them back if what came out is not the file that was looked at."""
    ours = new.stat().st_ino
    if not exchange(path, new):
        new.replace(path)
        reach("after-swap")
        sync_folder(path.parent)
        return True
    reach("after-swap")
    if not _is_at(new, file) or read_open(file, path).data != expected:
        take_back(path, new, ours)
        return False
    sync_folder(path.parent)  # meanwhile whoever has found the old file, and waits to write it, is seen
    if lease is Lease.HELD and wanted(file):
        take_back(path, new, ours)
        return False
    reach("after-swap-sure")
    return True


def take_back(path: Path, new: Path, ours: int) -> None:
    """Put back what came out. What somebody else put in place of ours meanwhile is newer, and stays.

    Afterwards `new` is our own file, or a version of somebody else that yet another one has replaced unseen.

    Args:
        path: of the file.
        new: where that lies which came out.
        ours: the inode of our own file, at `path`.
    """
    for _ in range(_MOST_TURNS):
        goes_in = new.stat().st_ino
        try:
            exchange(path, new)
        except FileNotFoundError:  # somebody removed ours: what came out stays beside it, and is kept
            return
        if new.stat().st_ino == ours:
            sync_folder(path.parent)
            return
        ours = goes_in
    raise Transient(f"others keep replacing {path}", hint=f"what was there before lies in {new}")


def exchange(one: Path, other: Path) -> bool:
    """Exchange two names in one call; False: it cannot be done here, and was not."""
    if not hasattr(_libc, "renameat2"):
        return False
    if _libc.renameat2(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _NOT_HERE:
        return False
    raise OSError(number, os.strerror(number), str(one))


def _is_at(path: Path, file: int) -> bool:
    try:
        there, here = path.stat(), os.fstat(file)
    except FileNotFoundError:
        return False
    return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)

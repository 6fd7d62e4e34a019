"""One file on disk, read as a whole, and the errors of the operating system in our words."""

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from selfheal.model.errors import Transient

_CHUNK = 1 << 20


@dataclass(frozen=True, kw_only=True)
class WholeFile:
    """What was read.

    Attributes:
        data: the bytes.
        status: of the file that they were read from, when they had been read.
    """

    data: bytes = field(repr=False)
    status: os.stat_result


@dataclass(frozen=True, kw_only=True)
class Rights:
    """Whose a file is, and who may do what with it."""

    mode: int
    uid: int
    gid: int

    @classmethod
    def of(cls, status: os.stat_result) -> "Rights":
        """Those of a file."""
        return cls(mode=status.st_mode & 0o7777, uid=status.st_uid, gid=status.st_gid)


def read_whole(path: Path) -> WholeFile:
    """The file behind this path, symbolic links followed.

    Raises:
        Transient: it is not there, is no regular file or cannot be read; says why.
    """
    with in_our_words(f"{path} cannot be read"):
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            return read_open(file, path)
        finally:
            os.close(file)


def read_open(file: int, path: Path) -> WholeFile:
    """The same of a file that is open, from its beginning."""
    if not stat.S_ISREG(os.fstat(file).st_mode):
        raise Transient(f"{path} is no regular file", hint="name the request file itself")
    chunks, place = [], 0
    while chunk := os.pread(file, _CHUNK, place):
        chunks.append(chunk)
        place += len(chunk)
    return WholeFile(data=b"".join(chunks), status=os.fstat(file))


@contextmanager
def in_our_words(said: str, *, hint: str = "", hints: Mapping[int, str] = MappingProxyType({})) -> Iterator[None]:
    """What the operating system refuses, as `Transient`: it may be otherwise later.

    Args:
        said: what could not be done.
        hint: what to do about it.
        hints: the same where the error has this number.
    """
    try:
        yield
    except OSError as error:
        what_to_do = hints.get(error.errno or 0, hint)
        raise Transient(f"{said}: {error.strerror or error}", hint=what_to_do) from error

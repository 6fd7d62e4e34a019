"""One file of a log, as far as it was read: how it is told from others, found again, and read on.

A name says nothing about a log file: it is renamed, packed, copied and emptied under us. What tells it is its inode,
and what stood at its beginning and just before the place where we stopped.
"""

import gzip
import hashlib
import os
import stat
import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

_HEAD, _TAIL = 1024, 256
PACKED = ".gz"
SKIPPED_AT_ONCE = 1 << 20
UNREADABLE = (OSError, EOFError, zlib.error)
"""What a file says that is no gzip, or is not packed to its end yet."""


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """How far one file was read.

    Attributes:
        device: of the inode.
        inode: of the file.
        offset: of the next byte; of a packed file, of what is packed.
        head: hash of its first bytes, as far as they were read.
        tail: hash of the last bytes that were read.
        inside: whether the next byte belongs to a line that was cut.
        packed: whether it is gzip.
    """

    device: int
    inode: int
    offset: int = 0
    head: str = ""
    tail: str = ""
    inside: bool = False
    packed: bool = False


class Unpacked:
    """A gzip file, read like another one: by offset, mostly forwards.

    Args:
        fd: of the packed file; it is closed with this.
    """

    def __init__(self, fd: int) -> None:
        self._raw = os.fdopen(fd, "rb", closefd=True)
        self._stream = gzip.GzipFile(fileobj=self._raw)
        self._base, self._kept = 0, b""

    def read(self, into: bytearray | memoryview, offset: int) -> int:
        """As `os.preadv`."""
        if offset < self._base:
            self._stream.rewind()
            self._base, self._kept = 0, b""
        while offset > self._base + len(self._kept):
            self._base += len(self._kept)
            self._kept = self._stream.read(min(SKIPPED_AT_ONCE, offset - self._base))
            if not self._kept:
                return 0
        self._kept = self._kept[offset - self._base :]
        self._base = offset
        if len(self._kept) < len(into):
            self._kept += self._stream.read(len(into) - len(self._kept))
        found = min(len(self._kept), len(into))
        into[:found] = self._kept[:found]
        return found

    def close(self) -> None:
        """Close both."""
        self._stream.close()
        self._raw.close()


@dataclass(kw_only=True)
class OpenStretch:
    """A stretch whose file is open; not frozen: it is read on.

    Attributes:
        at: how far.
        fd: of the file.
        grew_at: when there was more of it than before, on the monotonic clock.
        seen: so much of it was there.
    """

    at: Stretch
    fd: int
    grew_at: float
    seen: int = 0
    _unpacked: Unpacked | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        """A packed file is read through gzip."""
        if self.at.packed:
            self._unpacked = Unpacked(self.fd)

    def read(self, into: bytearray, offset: int) -> int:
        """Fill the buffer from this offset; how many bytes there were."""
        return os.preadv(self.fd, [into], offset) if self._unpacked is None else self._unpacked.read(into, offset)

    def first_data(self) -> int:
        """Where the first byte is that is not in a hole; 0 where that cannot be told."""
        try:
            return os.lseek(self.fd, 0, os.SEEK_DATA)
        except OSError:  # an empty file, or one that is a hole only
            return 0

    def behind(self) -> int:
        """Bytes that are there and were not read; of a packed file at least one until its end was met."""
        return 0 if self.at.packed else max(os.fstat(self.fd).st_size - self.at.offset, 0)

    def advance(self, by: int, *, inside: bool = False) -> None:
        """So many bytes more were read; `inside`: they end within a line that was cut."""
        self.at = replace(self.at, offset=self.at.offset + by, inside=inside, head="", tail="")

    def saw(self, size: int, now: float) -> None:
        """So much more is there beyond what was read."""
        if self.at.offset + size > self.seen:
            self.seen, self.grew_at = self.at.offset + size, now

    def marked(self) -> Stretch:
        """How far, with the marks by which it is found again."""
        if self.at.offset and not self.at.head:
            head, tail = marks(self, self.at.offset)
            self.at = replace(self.at, head=head, tail=tail)
        return self.at

    def is_same(self) -> bool:
        """Whether what was read still stands there: else the file was emptied, or another one has its inode."""
        return not self.at.head or is_of(self, self.at)

    def close(self) -> None:
        """Let go of the file."""
        if self._unpacked is None:
            os.close(self.fd)
        else:
            self._unpacked.close()


def marks(opened: OpenStretch, offset: int) -> tuple[str, str]:
    """The hashes of the first and of the last bytes before the offset; empty where there are not so many."""
    return tuple(_hash(opened, at, size) for at, size in _places(offset))  # type: ignore[return-value]  # two of them


def _places(offset: int) -> tuple[tuple[int, int], tuple[int, int]]:
    return (0, min(_HEAD, offset)), (max(offset - _TAIL, 0), min(_TAIL, offset))


def _hash(opened: OpenStretch, at: int, size: int) -> str:
    buffer = bytearray(size)
    return hashlib.sha256(buffer).hexdigest()[:16] if opened.read(buffer, at) == size else ""


def is_of(opened: OpenStretch, known: Stretch) -> bool:
    """Whether the open file holds, up to the known offset, what was read then."""
    if not known.offset:
        return True
    return known.head != "" and marks(opened, known.offset) == (known.head, known.tail)


def open_file(path: Path, now: float, *, known: Stretch | None = None, packed: bool = False) -> OpenStretch | None:
    """The file, at its beginning or as far as is known; None: there is none, or no regular one.

    Raises:
        PermissionError: we may not read it.
        OSError: it cannot be read for another reason.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode):
        os.close(fd)
        return None
    base = known or Stretch(device=0, inode=0)
    at = replace(base, device=found.st_dev, inode=found.st_ino, packed=packed)
    return OpenStretch(at=at, fd=fd, grew_at=now)


def stretch_of(value: Any) -> Stretch:
    """From its JSON."""
    return Stretch(**value)

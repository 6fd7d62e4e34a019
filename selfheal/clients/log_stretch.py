"""One file of a log, as far as it was read: how it is told from others, found again, and read on.

A name says nothing about a log file: it is renamed, packed, copied and emptied under us. What tells it is its inode,
and what stood at its beginning and just before the place where we stopped.
"""

import errno
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
        self._base, self._kept = 0, bytearray()
        self.broken = ""

    def read(self, into: bytearray | memoryview, offset: int) -> int:
        """As `os.preadv`; what is whole before a place that cannot be unpacked is given before that is said."""
        if offset < self._base:
            self._stream.rewind()
            self._base, self._kept = 0, bytearray()
        while offset > self._base + len(self._kept):
            self._base += len(self._kept)
            self._kept = bytearray(self._stream.read(min(SKIPPED_AT_ONCE, offset - self._base)))
            if not self._kept:
                return 0
        del self._kept[: offset - self._base]
        self._base = offset
        self._fill(len(into))
        found = min(len(self._kept), len(into))
        into[:found] = self._kept[:found]
        return found

    def _fill(self, size: int) -> None:
        """So much is kept, unless the file ends or breaks off before."""
        try:
            while len(self._kept) < size and (more := self._stream.read1(size - len(self._kept))):
                self._kept += more
        except UNREADABLE as error:
            self.broken = str(error)
            if not self._kept:
                raise

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
    _ends: tuple[bytes, bytes] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        """A packed file is read through gzip."""
        if self.at.packed:
            self._unpacked = Unpacked(self.fd)

    def read(self, into: bytearray, offset: int) -> int:
        """Fill the buffer from this offset; how many bytes there were."""
        return os.preadv(self.fd, [into], offset) if self._unpacked is None else self._unpacked.read(into, offset)

    @property
    def broken(self) -> str:
        """Why it cannot be unpacked to its end; empty: nothing is known of that."""
        return "" if self._unpacked is None else self._unpacked.broken

    def first_data(self) -> int | None:
        """Where the first byte is that is not in a hole; None: there is none."""
        try:
            return os.lseek(self.fd, 0, os.SEEK_DATA)
        except OSError as error:
            return None if error.errno == errno.ENXIO else 0  # 0: its file system knows nothing of holes

    def behind(self) -> int:
        """Bytes that are there and were not read; of a packed file at least one until its end was met."""
        return 0 if self.at.packed else max(os.fstat(self.fd).st_size - self.at.offset, 0)

    def advance(self, by: int, of: bytearray, *, inside: bool = False) -> None:
        """So many bytes more were read, which `of` begins with; `inside`: they end within a line that was cut."""
        head, tail = self._ends or self._stand()
        head += of[: min(by, _HEAD - len(head))]
        self._ends = head, (tail + of[max(by - _TAIL, 0) : by])[-_TAIL:]
        self.at = replace(self.at, offset=self.at.offset + by, inside=inside, head="", tail="")

    def skip(self, by: int) -> None:
        """So many bytes more are none of a line."""
        self._ends = None
        self.at = replace(self.at, offset=self.at.offset + by, head="", tail="")

    def saw(self, size: int, now: float) -> None:
        """So much more is there beyond what was read."""
        if self.at.offset + size > self.seen:
            self.seen, self.grew_at = self.at.offset + size, now

    def go_back(self, to: Stretch) -> None:
        """Read on from there; what was read since is read again."""
        self.at, self._ends = to, None

    def begin_anew(self) -> None:
        """The file was emptied: nothing of what stands there was read."""
        self._ends = None
        self.at = Stretch(device=self.at.device, inode=self.at.inode)

    def marked(self) -> Stretch:
        """How far, with the marks by which it is found again.

        They are of what was read, not of what stands there by now: the file may have been emptied since.
        """
        if self.at.offset and not self.at.head:
            self._ends = self._ends or self._stand()
            head, tail = map(_hash, self._ends)
            self.at = replace(self.at, head=head, tail=tail)
        return self.at

    def whole(self) -> Stretch:
        """As if all were read that is there; of a packed file nothing."""
        size = self.behind() + self.at.offset
        head, tail = map(_hash, ends(self, size))
        return replace(self.at, offset=size, head=head, tail=tail)

    @property
    def identity(self) -> tuple[int, int]:
        """Which file it is, whatever its name."""
        return self.at.device, self.at.inode

    def is_same(self) -> bool:
        """Whether what was read still stands there: else the file was emptied, or another one has its inode."""
        return is_of(self, self.marked())

    def _stand(self) -> tuple[bytes, bytes]:
        return ends(self, self.at.offset)

    def close(self) -> None:
        """Let go of the file."""
        if self._unpacked is None:
            os.close(self.fd)
        else:
            self._unpacked.close()


def ends(opened: OpenStretch, offset: int) -> tuple[bytes, bytes]:
    """The first bytes and the last ones before the offset; shorter where there are not so many."""
    head, tail = bytearray(min(_HEAD, offset)), bytearray(min(_TAIL, offset))
    begun, ended = opened.read(head, 0), opened.read(tail, offset - len(tail))
    return bytes(head[:begun]), bytes(tail[:ended])


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def is_of(opened: OpenStretch, known: Stretch) -> bool:
    """Whether the open file holds, up to the known offset, what was read then."""
    if not known.offset:
        return True
    head, tail = map(_hash, ends(opened, known.offset))
    return (head, tail) == (known.head, known.tail)


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

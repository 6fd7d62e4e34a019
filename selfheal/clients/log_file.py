"""Reads a log that is a file: on from where it was left, through renaming, packing, copying, emptying and restarts.

A position names each file of the log that may still grow, the eldest first: a writer goes on for a while into a file
that was renamed, so that one is followed until it has been quiet. Fulfils `ports.LogReader`.
"""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from selfheal.clients.log_siblings import find_again, find_copy, newer
from selfheal.clients.log_stretch import UNREADABLE, OpenStretch, Stretch, open_file, stretch_of
from selfheal.model.errors import NotAllowed, Transient
from selfheal.model.log import LONGEST_LINE, LogGap
from selfheal.ports.logs import LogPiece

PIECE = 1 << 18
"""Bytes that are read at once."""
_QUIET_S = 60.0
"""A file that was renamed is followed until nothing was written to it for so long."""


class LogFile:
    """One log; used by one thread.

    Args:
        path: of the file that is written to.
        from_start: whether what stands in it at the first look is read.
        quiet_s: how long a renamed file is still followed.
    """

    def __init__(self, path: Path, *, from_start: bool, quiet_s: float = _QUIET_S) -> None:
        self._path, self._from_start, self._quiet_s = path, from_start, quiet_s
        self._files: list[OpenStretch] = []
        self._absent = False
        self._gaps: list[LogGap] = []
        self._buffer = bytearray(PIECE)
        self._known: list[Stretch] | None = None

    def resume(self, position: Mapping[str, Any] | None) -> None:
        """See `ports.LogReader.resume`."""
        self.close()
        self._gaps = []
        self._known = None if position is None else [stretch_of(one) for one in position["files"]]
        self._absent = position is not None and not position["files"]

    def pieces(self) -> Iterator[LogPiece]:
        """See `ports.LogReader.pieces`."""
        try:
            self._look()
            for opened in list(self._files):
                yield from self._read(opened)
                if opened is not self._files[-1] and self._is_over(opened):
                    yield from self._end(opened)
        except PermissionError as error:
            raise NotAllowed(
                f"we may not read {self._path}: {error.strerror}",
                hint="let our user read the file and its folder, for example through its group",
            ) from error
        except OSError as error:
            raise Transient(f"{self._path} cannot be read: {error.strerror or error}") from error

    def position(self) -> Mapping[str, Any]:
        """See `ports.LogReader.position`."""
        if self._known is not None:  # nothing was looked at since
            return {"files": [asdict(one) for one in self._known]}
        return {"files": [asdict(one.marked()) for one in self._files]}

    def take_gaps(self) -> Sequence[LogGap]:
        """See `ports.LogReader.take_gaps`."""
        found, self._gaps = self._gaps, []
        return found

    def behind(self) -> int:
        """See `ports.LogReader.behind`."""
        return sum(one.behind() for one in self._files)

    def close(self) -> None:
        """See `ports.LogReader.close`."""
        for one in self._files:
            one.close()
        self._files = []

    def _look(self) -> None:
        """Find the files that are the log now."""
        now = time.monotonic()
        if self._known is not None:
            known, self._known = self._known, None
            self._find(known, now)
        if not self._files:
            self._begin(now)
            return
        last = self._files[-1]
        here = self._here()
        if here is not None and here != (last.at.device, last.at.inode):
            self._files += newer(self._path, self._files, now)
            self._open_name(now)
        elif last.behind() or os.fstat(last.fd).st_size < last.at.offset:
            self._check(last, now)

    def _begin(self, now: float) -> None:
        """The first look: what comes from now on, unless it was absent, or is to be read from its start."""
        opened = open_file(self._path, now)
        if opened is None:
            if self._path.exists():
                raise NotAllowed(f"{self._path} is no regular file", hint="name a file that a program appends to")
            self._absent = True
            return
        if not self._from_start and not self._absent:
            size = os.fstat(opened.fd).st_size
            inside = size > 0 and os.pread(opened.fd, 1, size - 1) != b"\n"
            opened.at = replace(opened.at, offset=size, inside=inside)
        self._files = [opened]

    def _here(self) -> tuple[int, int] | None:
        """Which file bears the name."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino

    def _open_name(self, now: float) -> None:
        """Take the file that bears the name, unless it has been taken."""
        opened = open_file(self._path, now)
        if opened is None:
            return
        if any((one.at.device, one.at.inode) == (opened.at.device, opened.at.inode) for one in self._files):
            opened.close()
        else:
            self._files.append(opened)

    def _find(self, known: list[Stretch], now: float) -> None:
        """After a restart: each file of the position, wherever it is by now."""
        for one in known:
            found = find_again(self._path, one, now)
            if found is not None:
                self._files.append(found)
            else:
                kind = "TRUNCATED" if self._here() == (one.device, one.inode) else "REPLACED"
                self._lost(kind, one)
        if known and not self._files:
            self._open_name(now)
        self._absent = not self._files

    def _check(self, last: OpenStretch, now: float) -> None:
        """Whether the file is what it was up to our offset; if it was emptied, read the rest in its copy first."""
        if last.is_same():
            return
        copy = find_copy(self._path, last.at, now)
        if copy is None:
            self._lost("TRUNCATED", last.at)
        else:
            self._files.insert(-1, copy)
        last.at = Stretch(device=last.at.device, inode=last.at.inode)

    def _lost(self, kind: str, stretch: Stretch) -> None:
        what = "was emptied" if kind == "TRUNCATED" else "is gone, and no file beside it is its earlier part"
        detail = f"{self._path} {what}: what was written behind byte {stretch.offset} of it is not known"
        self._gaps.append(LogGap(kind=kind, detail=detail))

    def _read(self, opened: OpenStretch) -> Iterator[LogPiece]:
        """Whole lines from the file, up to its end."""
        buffer = self._buffer
        if opened.at.offset == 0 and not opened.at.packed:
            self._skip_hole(opened)
        while size := self._fill(opened):
            if opened.at.inside:
                end = buffer.find(b"\n", 0, size) + 1
                opened.advance(end or size, inside=not end)
                continue
            end = buffer.rfind(b"\n", 0, size) + 1
            if end:
                opened.advance(end)
                yield LogPiece(data=buffer, end=end)
            elif size == len(buffer):
                opened.advance(size, inside=True)
                yield LogPiece(data=buffer, end=LONGEST_LINE + 1, open=True)
            else:
                return

    def _skip_hole(self, opened: OpenStretch) -> None:
        """A program that does not append goes on in an emptied file where it was, behind NUL bytes: no line."""
        at = opened.first_data()
        while size := opened.read(self._buffer, at):
            text = self._buffer[:size].lstrip(b"\x00")
            at += size - len(text)
            if text:
                break
        if size and at:
            opened.advance(at)

    def _fill(self, opened: OpenStretch) -> int:
        try:
            size = opened.read(self._buffer, opened.at.offset)
            opened.saw(size, time.monotonic())
        except UNREADABLE:  # of a file that is being packed the end comes later
            if not opened.at.packed:
                raise
            return 0
        return size

    def _is_over(self, opened: OpenStretch) -> bool:
        return opened.at.packed or time.monotonic() - opened.grew_at > self._quiet_s

    def _end(self, opened: OpenStretch) -> Iterator[LogPiece]:
        """Nobody writes to it any more: its last line needs no end."""
        size = 0 if opened.at.inside else self._fill(opened)
        if size:
            opened.advance(size)
            yield LogPiece(data=self._buffer, end=size, open=True)
        self._files.remove(opened)
        opened.close()

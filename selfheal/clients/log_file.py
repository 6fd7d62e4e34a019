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
from selfheal.clients.log_stretch import UNREADABLE, OpenStretch, Stretch, is_of, open_file, stretch_of
from selfheal.model.errors import NotAllowed, Transient
from selfheal.model.log import LONGEST_LINE, LogGap
from selfheal.ports.logs import LogPiece

PIECE = 1 << 18
"""Bytes that are read at once."""
_MOST_NULS = 1 << 24
_TICK_NS = 20_000_000
"""The times of files are those of the kernel's last tick."""
_REMEMBERED = 5
"""So many files that were read to their end are known again, copied or under another name."""
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
        self._held: list[OpenStretch] = []
        self._ended: list[Stretch] = []
        self._written = 0
        self._absent = False
        self._gaps: list[LogGap] = []
        self._buffer = bytearray(PIECE)
        self._known: list[Stretch] | None = None

    def resume(self, position: Mapping[str, Any] | None) -> None:
        """See `ports.LogReader.resume`; what is open stays so until the next look, which finds it though deleted."""
        self._held, self._files = [*self._held, *self._files], []
        self._gaps = []
        self._known = None if position is None else [stretch_of(one) for one in position["files"]]
        self._ended = [] if position is None else [stretch_of(one) for one in position["ended"]]
        self._written = 0 if position is None else position["written"]
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
        files = [one.marked() for one in self._files] if self._known is None else self._known  # not looked at since
        return {
            "files": [asdict(one) for one in files],
            "ended": [asdict(one) for one in self._ended],
            "written": self._written,
        }

    def take_gaps(self) -> Sequence[LogGap]:
        """See `ports.LogReader.take_gaps`."""
        found, self._gaps = self._gaps, []
        return found

    def behind(self) -> int:
        """See `ports.LogReader.behind`."""
        return sum(one.behind() for one in self._files)

    def close(self) -> None:
        """See `ports.LogReader.close`."""
        self._held, self._files = [*self._held, *self._files], []
        self._let_go()

    def _let_go(self) -> None:
        for one in self._held:
            one.close()
        self._held = []

    def _look(self) -> None:
        """Find the files that are the log now."""
        now = time.monotonic()
        if self._known is not None:
            known, self._known = self._known, None
            self._find(known, now)
        self._let_go()
        if not self._files:
            self._begin(now)
            return
        last = self._files[-1]
        found, here = os.fstat(last.fd), self._here()
        if last.behind() or found.st_size < last.at.offset or found.st_mtime_ns != self._written:
            self._check(last, now)
        if here == last.identity:
            self._written = found.st_mtime_ns  # whatever bears the name after it is written to later
        elif here is not None:
            self._move_on(now)

    def _begin(self, now: float) -> None:
        """The first look: what comes from now on, unless it was absent, or is to be read from its start."""
        opened = open_file(self._path, now)
        if opened is None:
            if self._path.exists():
                raise self._no_file()
            self._absent, self._written = True, self._written or time.time_ns() - _TICK_NS
            return
        if not self._from_start and not self._absent:
            size = os.fstat(opened.fd).st_size
            inside = size > 0 and os.pread(opened.fd, 1, size - 1) != b"\n"
            opened.at = replace(opened.at, offset=size, inside=inside)
        self._files = [*(self._between(now) if self._absent else ()), opened]
        self._written = os.fstat(opened.fd).st_mtime_ns + 1  # what is as old is history

    def _here(self) -> tuple[int, int] | None:
        """Which file bears the name."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino

    def _move_on(self, now: float) -> None:
        """Another file bears the name: take it, and those that bore it in between.

        Raises:
            NotAllowed: it is no regular file.
        """
        self._files += self._between(now)
        opened = open_file(self._path, now)
        if opened is None:
            if self._path.exists():
                raise self._no_file()
            return
        known = [one for one in self._files if one.identity == opened.identity]
        if known:  # it has got its name back
            opened.close()
            opened = known[0]
            self._files.remove(opened)
        else:
            self._go_on(opened)
        self._files.append(opened)
        self._written = os.fstat(opened.fd).st_mtime_ns

    def _go_on(self, opened: OpenStretch) -> None:
        """Where it was read to its end before, under this name or another one."""
        for one in self._ended:
            if opened.identity == (one.device, one.inode) and is_of(opened, one):
                opened.go_back(one)

    def _between(self, now: float) -> list[OpenStretch]:
        """The parts that bore the name since it was looked at; nothing of them was read."""
        known = [*(one.marked() if one.at.offset else one.whole() for one in self._files), *self._ended]
        return list(newer(self._path, {one.identity for one in self._files}, known, self._written, now))

    def _no_file(self) -> NotAllowed:
        return NotAllowed(f"{self._path} is no regular file", hint="name a file that a program appends to")

    def _find(self, known: list[Stretch], now: float) -> None:
        """After a restart: each file of the position, wherever it is by now."""
        lost = []
        for one in known:
            found = self._again(one) or find_again(self._path, one, now)
            if found is None:
                lost.append(one)
            else:
                self._files.append(found)
        parts = self._between(now) if lost else []
        self._files += parts
        for one in lost:
            if one.offset or (one is known[-1] and not parts):  # an empty one is one of the parts by now, or was packed
                self._lost("TRUNCATED" if self._here() == (one.device, one.inode) else "REPLACED", one)
        if lost and not self._files:
            self._move_on(now)
        self._absent = not self._files

    def _again(self, known: Stretch) -> OpenStretch | None:
        """The file where it is still open, as far as is known."""
        for one in self._held:
            same = one.identity == (known.device, known.inode) and not one.at.packed
            if same and is_of(one, known):
                self._held.remove(one)
                one.go_back(known)
                return one
        return None

    def _check(self, last: OpenStretch, now: float) -> None:
        """Whether the file is what it was up to our offset; if it was emptied, read the rest in its copy first."""
        if not last.is_same():
            copy = find_copy(self._path, last.at, now)
            if copy is None:
                self._lost("TRUNCATED", last.at)
            else:
                self._files.insert(-1, copy)
            last.begin_anew()
        if last.at.offset == 0:  # copies of what was not read at all are told by their times only
            self._files[-1:] = [*self._between(now), last]

    def _lost(self, kind: str, stretch: Stretch) -> None:
        what = "was emptied" if kind == "TRUNCATED" else "is gone, and no file beside it is its earlier part"
        detail = f"{self._path} {what}: what was written behind byte {stretch.offset} of it is not known"
        self._gaps.append(LogGap(kind=kind, detail=detail))

    def _read(self, opened: OpenStretch) -> Iterator[LogPiece]:
        """Whole lines from the file, up to its end; an empty piece where nothing was found for a while."""
        buffer = self._buffer
        if opened.at.offset == 0 and not opened.at.packed and not self._skip_hole(opened):
            return
        while size := self._fill(opened):
            if opened.at.inside:
                end = buffer.find(b"\n", 0, size) + 1
                opened.advance(end or size, buffer, inside=not end)
                yield LogPiece(data=buffer, end=0)
                continue
            end = buffer.rfind(b"\n", 0, size) + 1
            if end:
                opened.advance(end, buffer)
                yield LogPiece(data=buffer, end=end)
            elif size == len(buffer):
                opened.advance(size, buffer, inside=True)
                yield LogPiece(data=buffer, end=LONGEST_LINE + 1, open=True)
            else:
                return

    def _skip_hole(self, opened: OpenStretch) -> bool:
        """A program that does not append goes on in an emptied file where it was, behind NUL bytes: no line.

        Whether there is anything behind them; of those that are really written only so many are looked at.
        """
        at = opened.first_data()
        if at is None:
            return False
        ends = at + _MOST_NULS
        while at < ends:
            size = opened.read(self._buffer, at)
            text = self._buffer[:size].lstrip(b"\x00")
            at += size - len(text)
            if text and at:
                opened.skip(at)
            if text or not size:
                return bool(text)
        return True

    def _fill(self, opened: OpenStretch) -> int:
        try:
            size = opened.read(self._buffer, opened.at.offset)
            opened.saw(size, time.monotonic())
        except UNREADABLE:
            if not opened.at.packed:
                raise
            return 0
        return size

    def _is_over(self, opened: OpenStretch) -> bool:
        return opened.at.packed or time.monotonic() - opened.grew_at > self._quiet_s

    def _end(self, opened: OpenStretch) -> Iterator[LogPiece]:
        """Nobody writes to it any more: its last line needs no end, unless it breaks off."""
        size = 0 if opened.at.inside else self._fill(opened)
        if opened.broken:
            detail = f"a packed part of {self._path} cannot be unpacked behind byte {opened.at.offset}: {opened.broken}"
            self._gaps.append(LogGap(kind="TRUNCATED", detail=detail))
        elif size:
            opened.advance(size, self._buffer)
            yield LogPiece(data=self._buffer, end=size, open=True)
        self._files.remove(opened)
        self._ended = [*self._ended, opened.marked()][-_REMEMBERED:]
        opened.close()

"""Finds what became of a log file that does not bear its name any more: renamed, packed or copied beside it."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from selfheal.clients.log_stretch import PACKED, UNREADABLE, OpenStretch, Stretch, is_of, open_file

_MOST = 200
"""Of so many files beside a log, the newest, one may be its earlier part."""


def siblings(path: Path) -> list[Path]:
    """The files whose names begin with the log's, the newest first."""
    try:
        found = [(one.stat().st_mtime_ns, one) for one in path.parent.iterdir() if _may_be(one, path)]
    except FileNotFoundError:  # one of them went meanwhile, or the folder: the next look tells
        return []
    return [one for _, one in sorted(found, reverse=True)[:_MOST]]


def _may_be(one: Path, path: Path) -> bool:
    """`app.log.1`, `app.log-20261128.gz`, and `app-20261128.log` as some name them."""
    same = one.name.startswith((path.name, f"{path.stem}-", f"{path.stem}."))
    return same and one.name != path.name and one.is_file() and os.access(one, os.R_OK)


def find_again(path: Path, known: Stretch, now: float) -> OpenStretch | None:
    """The file that was read so far: under its name, renamed, packed or copied; None: it is nowhere.

    Raises:
        OSError: one of them cannot be read.
    """
    beside = siblings(path)
    for one in (path, *beside):
        opened = _same(one, known, now, inode=True)
        if opened is not None:
            return opened
    return _content(beside, known, now)


def find_copy(path: Path, known: Stretch, now: float) -> OpenStretch | None:
    """A copy of what was read and emptied since; None: there is none.

    Raises:
        OSError: a file beside it cannot be read.
    """
    return _content(siblings(path), known, now)


def _content(beside: list[Path], known: Stretch, now: float) -> OpenStretch | None:
    """The first that holds what was read. What was not read at all cannot be told by that."""
    if not known.offset:
        return None
    return next((found for one in beside if (found := _same(one, known, now, inode=False)) is not None), None)


def _same(one: Path, known: Stretch, now: float, *, inode: bool) -> OpenStretch | None:
    packed = one.name.endswith(PACKED)
    opened = open_file(one, now, known=known, packed=packed)
    if opened is None:
        return None
    try:
        at = opened.at
        right = not inode or (at.device, at.inode, at.packed) == (known.device, known.inode, known.packed)
        if right and is_of(opened, known):
            return opened
    except UNREADABLE:  # no gzip, or not to its end yet
        pass
    opened.close()
    return None


def newer(path: Path, known: Sequence[OpenStretch], now: float) -> Iterator[OpenStretch]:
    """The files between the last one that was read and the one that bears the name now, the eldest first.

    They were rotated while nobody looked. A copy of what was read is none of them.

    Args:
        path: of the log.
        known: the files that are read already, the last one at the end.
        now: on the monotonic clock.

    Raises:
        OSError: one of them cannot be read.
    """
    than = known[-1]
    last = os.fstat(than.fd).st_mtime_ns
    taken = {(one.at.device, one.at.inode) for one in known}
    for one in reversed(siblings(path)):
        if one.stat().st_mtime_ns < last:
            continue
        opened = open_file(one, now, packed=one.name.endswith(PACKED))
        if opened is None:
            continue
        if (opened.at.device, opened.at.inode) in taken or _is_copy(opened, than):
            opened.close()
        else:
            yield opened


def _is_copy(opened: OpenStretch, than: OpenStretch) -> bool:
    known = than.marked()
    try:
        return known.offset > 0 and is_of(opened, known)
    except UNREADABLE:
        return True  # it cannot be read now, and is not waited for

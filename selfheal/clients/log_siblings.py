"""Finds what became of a log file that does not bear its name any more: renamed, packed or copied beside it."""

import os
import re
import stat
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from selfheal.clients.log_stretch import PACKED, UNREADABLE, OpenStretch, Stretch, is_of, open_file

_MOST = 200
"""Of so many files beside a log, the newest, one may be its earlier part."""
_TRIES = 5
_NUMBER = r"\d[\d.:TZ_+-]*"
_TURNED = re.compile(rf"(?:\.(?:{_NUMBER}|old|prev|last)|[-_](?=.{{6}}){_NUMBER})")
"""What a rotation adds to a name: a number or a time. `-2` alone is rather the log of a second worker."""


def siblings(path: Path) -> list[Path]:
    """The files whose names begin with the log's, the newest first, also beside what it is a link to.

    Raises:
        FileNotFoundError: they are renamed faster than they can be looked at; another time.
    """
    real = Path(os.path.realpath(path))
    for tried in range(_TRIES):
        try:
            found = {one: at for place in {path, real} for one, at in _beside(place)}
        except FileNotFoundError:  # one of them has just got another name, under which the list lacks it
            if tried + 1 == _TRIES:
                raise
            continue
        return sorted(found, key=lambda one: (found[one], one), reverse=True)[:_MOST]
    return []


def _beside(path: Path) -> Iterator[tuple[Path, int]]:
    """And when each was written to."""
    if not path.parent.is_dir():
        return
    for one in path.parent.iterdir():
        begins = one.name.startswith((path.name, f"{path.stem}-", f"{path.stem}."))
        if not begins or one.name == path.name or one.is_symlink():
            continue
        found = one.stat()
        if stat.S_ISREG(found.st_mode) and os.access(one, os.R_OK):
            yield one, found.st_mtime_ns


def _is_part(one: Path, path: Path) -> bool:
    """Whether the name is that of a rotated part: of the log, or of what it is a link to."""
    return _is_turned(one, path) or _is_turned(one, Path(os.path.realpath(path)))


def _is_turned(one: Path, path: Path) -> bool:
    """`app.log.1`, `app.log-20261128.gz`, and `app-20261128.log` as some name them; not `app-error.log`."""
    name = one.name.removesuffix(PACKED)
    if name.startswith(path.name):
        return _TURNED.fullmatch(name.removeprefix(path.name)) is not None
    ends = bool(path.suffix) and name.endswith(path.suffix)
    return ends and _TURNED.fullmatch(name.removesuffix(path.suffix).removeprefix(path.stem)) is not None


def find_again(path: Path, known: Stretch, now: float) -> OpenStretch | None:
    """The file that was read so far: under its name, renamed, packed or copied; None: it is nowhere.

    A device has another number after some restarts of a machine: the inode and what was read tell the file.

    Raises:
        OSError: one of them cannot be read.
    """
    opened = _same(path, known, now, inode=True)
    if opened is not None:
        return opened
    beside = siblings(path)
    for one in beside:
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
    whole = (one for one in beside if not _is_being_packed(one, beside))
    return next((found for one in whole if (found := _same(one, known, now, inode=False)) is not None), None)


def _is_being_packed(one: Path, beside: list[Path]) -> bool:
    """Whether the file that it is packed from is still there: that one is whole."""
    return one.name.endswith(PACKED) and one.with_name(one.name.removesuffix(PACKED)) in beside


def _same(one: Path, known: Stretch, now: float, *, inode: bool) -> OpenStretch | None:
    packed = one.name.endswith(PACKED)
    opened = open_file(one, now, known=known, packed=packed)
    if opened is None:
        return None
    try:
        right = not inode or (opened.at.inode, opened.at.packed) == (known.inode, known.packed)
        if right and is_of(opened, known):
            return opened
    except UNREADABLE:  # no gzip, or not to its end yet
        pass
    opened.close()
    return None


def newer(
    path: Path, taken: Collection[tuple[int, int]], known: Sequence[Stretch], since: int, now: float
) -> Iterator[OpenStretch]:
    """The files between the last one that was read and the one that bears the name now, the eldest first.

    They were rotated while nobody looked. A copy of what was read is none of them.

    Args:
        path: of the log.
        taken: device and inode of those that are read already.
        known: what was read.
        since: the earliest that one of them can have been written to last; nanoseconds since 1970.
        now: on the monotonic clock.

    Raises:
        OSError: one of them cannot be read.
    """
    found, beside = set(taken), siblings(path)
    for one in reversed(beside):
        if not _is_part(one, path) or _is_being_packed(one, beside):
            continue
        opened = open_file(one, now, packed=one.name.endswith(PACKED))
        if opened is None:
            continue
        late = os.fstat(opened.fd).st_mtime_ns >= since
        if not late or opened.identity in found or any(_is_copy(opened, than) for than in known):
            opened.close()
        else:
            found.add(opened.identity)
            yield opened


def _is_copy(opened: OpenStretch, known: Stretch) -> bool:
    try:
        return known.offset > 0 and is_of(opened, known)
    except UNREADABLE:
        return True  # it cannot be read now, and is not waited for

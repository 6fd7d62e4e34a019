"""Where one stands in the log of a container: an engine tells lines from a second on, never from a line on.

So a position is a second and how many entries were taken since it began, in the order of the engine's log; entries of
one time are told apart by that, and two streams of a container that were written in another order than their times say
do no harm: the second is some seconds old.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

_STAMP = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.\d+Z ?")
_MARGIN_S = 2
FROM_START = 1


def split_stamp(entry: bytes) -> tuple[str, bytes]:
    """Its time as the engine writes it, and the rest; no time where there is none."""
    found = _STAMP.match(entry)
    return ("", entry) if found is None else (found[0].decode().rstrip(), entry[found.end() :])


def second_of(stamp: str) -> int:
    """The whole second."""
    return int(datetime.fromisoformat(f"{stamp[:19]}+00:00").timestamp())


@dataclass(kw_only=True)
class Anchor:
    """A second, and what was taken since it began; not frozen: it counts.

    Attributes:
        second: since 1970.
        first: the time of the first entry that was taken.
        count: how many were.
    """

    second: int
    first: str = ""
    count: int = 0


@dataclass(kw_only=True)
class Standpoint:
    """How far the log of one container was taken; not frozen: it moves.

    Attributes:
        container: its id; empty: none was seen yet.
        anchors: the eldest first; the position is the eldest one.
        last: the latest time of all entries that were taken.
        skipping: entries that are to come again, and were taken.
        by_time: the engine has forgotten the anchor: entries are told by their times.
        forgotten: what came before the anchor's place is lost; for a person.
    """

    container: str = ""
    anchors: list[Anchor] = field(default_factory=list)
    last: str = ""
    skipping: int = 0
    by_time: bool = False
    forgotten: bool = False

    @property
    def since(self) -> int:
        """The second from which on the engine is asked."""
        return self.anchors[0].second if self.anchors else FROM_START

    def begin(self) -> None:
        """The engine tells again from `since` on."""
        self.skipping = self.anchors[0].count if self.anchors else 0
        self.by_time = False

    def is_new(self, stamp: str) -> bool:
        """Whether this entry, the next one that the engine tells, was not taken yet."""
        if self.skipping and not self.by_time and self.skipping == self.anchors[0].count:
            self.by_time = stamp != self.anchors[0].first
            self.forgotten = self.forgotten or self.by_time
        if self.by_time:
            return stamp > self.last
        if self.skipping:
            self.skipping -= 1
            return False
        return True

    def take(self, stamp: str) -> None:
        """An entry was taken."""
        if not stamp:
            return
        second = second_of(stamp)
        if not self.anchors or second > max(
            self.anchors[-1].second, self._newest
        ):  # a second of which nothing was taken
            self.anchors.append(Anchor(second=second))
        for anchor in self.anchors:
            if second >= anchor.second:
                anchor.first = anchor.first or stamp
                anchor.count += 1
        self.last = max(self.last, stamp)
        while len(self.anchors) > 1 and self.anchors[1].second <= self.anchors[-1].second - _MARGIN_S:
            del self.anchors[0]

    @property
    def _newest(self) -> int:
        """The second of the latest entry that was taken, also before this reading; an anchor in it would miscount."""
        return second_of(self.last) if self.last else FROM_START

    def as_json(self) -> Mapping[str, Any]:
        """For `of_json`; whatever comes after the eldest anchor is made anew."""
        first = self.anchors[0] if self.anchors else Anchor(second=FROM_START)
        return {
            "container": self.container,
            "second": first.second,
            "first": first.first,
            "count": first.count,
            "last": self.last,
        }


def of_json(value: Mapping[str, Any]) -> Standpoint:
    """The standpoint that was kept."""
    anchor = Anchor(second=value["second"], first=value["first"], count=value["count"])
    return Standpoint(container=value["container"], anchors=[anchor], last=value["last"])

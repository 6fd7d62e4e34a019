"""The part of predictive-health that looks: what the forecast remembered, and what was measured since.

A run observes every bucket that is over, also those of a pause, and judges each of them; after a pause of more than a
day only the newest, for alarms of a day ago are nobody's any more. What cannot be read any more is read anew from a
week of rollups.
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from selfheal.forecast.board import Board, Judged
from selfheal.forecast.history import KEPT
from selfheal.forecast.kept import Unreadable
from selfheal.forecast.rows import BUCKET_S, DAY, HOUR
from selfheal.model.forecast import Name
from selfheal.model.prediction import Acted, Breach
from selfheal.ports import PredictionStore

LATE = timedelta(seconds=3)
"""So long after the end of five minutes their last values are written."""


@dataclass(frozen=True, kw_only=True)
class Looked:
    """What a look has found.

    Attributes:
        board: the forecast at the newest bucket.
        serial: of what it remembered when it was read.
        judged: buckets that were.
        begun: series whose alarm began in one of these, as they were then.
        breaches: of these buckets.
        note: what a person should know of how it went; empty: nothing.
    """

    board: Board
    serial: int
    judged: int
    begun: Mapping[Name, Judged]
    breaches: Sequence[Breach]
    note: str


@dataclass(kw_only=True)
class _Stretch:
    """What is collected while buckets are observed; not frozen, for it grows."""

    judged: int = 0
    begun: dict[Name, Judged] = field(default_factory=dict)
    breaches: list[Breach] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Forecasting:
    """Looks at all series at once.

    Attributes:
        store: what was measured, and what the forecast remembers.
        limit_of: what a series must not reach; None: it is not foretold.
        components: names of the components that are one physical thing.
    """

    store: PredictionStore
    limit_of: Callable[[Name], float | None]
    components: Callable[[str], Collection[str]]

    def look(self, now: datetime) -> Looked | None:
        """Observe and judge what is new; None: no five minutes are over since the last run.

        Raises:
            Transient: the database does not answer.
        """
        newest = newest_of(now)
        board, serial, note = self._remembered(newest)
        return self.look_on(board, newest, serial=serial, note=note)

    def look_on(self, board: Board, newest: int, *, serial: int = 0, note: str = "") -> Looked | None:
        """The same with the board at hand, which observes all until `newest`; a replay has one in its memory."""
        if board.bucket >= newest:
            return None
        self._follow(board)
        found = _Stretch()
        whole = newest - board.bucket <= DAY
        self._observe(board, until=newest, found=found, judge=lambda bucket: whole or bucket == newest)
        return Looked(
            board=board,
            serial=serial,
            judged=found.judged,
            begun=found.begun,
            breaches=tuple(found.breaches),
            note=note,
        )

    def _remembered(self, newest: int) -> tuple[Board, int, str]:
        """The board of the last run; where there is none that can be used one without series, an hour ago, and why."""
        kept = self.store.kept()
        if kept is None:
            return Board.new(newest - HOUR + 1), 0, "nothing was remembered: it begins with the last week"
        try:
            board = Board.of(kept)
        except Unreadable as error:
            why = f"what the forecast remembered cannot be read ({error})"
        else:
            if newest - KEPT < board.bucket <= newest + HOUR:
                return board, kept.serial, ""
            why = "the clock was set back" if board.bucket > newest else "nothing was foretold for a week"
        return Board.new(newest - HOUR + 1), kept.serial, f"{why}: it begins again with the last week"

    def _follow(self, board: Board) -> None:
        """Take in new series with their past, let go of those that are gone; limits are as the settings have them."""
        first = board.bucket + 1 - (0 if board.names else KEPT - HOUR)
        names = {*board.names, *self.store.series(begin_of(first))}
        limits = {name: limit for name in names if (limit := self.limit_of(name)) is not None and not math.isnan(limit)}
        board.limit(limits)
        new = sorted(limits.keys() - set(board.names))
        if new:
            other = board.begin(new, limits)
            self._observe(other, until=board.bucket)
            board.join(other)

    def _observe(
        self,
        board: Board,
        *,
        until: int,
        found: _Stretch | None = None,
        judge: Callable[[int], bool] = lambda _: False,
    ) -> None:
        """Bucket after bucket, read by days: a statement has its time, and a week of all series is large."""
        acted = list(self.store.acted(begin_of(board.bucket + 1) - timedelta(hours=1)))
        while board.bucket < until:
            first, end = board.bucket + 1, min(board.bucket + DAY, until) + 1
            rows = self.store.read(board.names, since=begin_of(first), until=begin_of(end))
            board.take(rows, since=first, until=end)
            for bucket in range(first, end):
                over = board.step()
                self._act(board, acted, bucket)
                if found is not None:
                    found.breaches.extend(
                        Breach(component=name[0], metric=name[1], at=begin_of(bucket + 1), threshold=limit)
                        for name, limit in over
                    )
                if found is not None and judge(bucket):
                    board.judge()
                    found.judged += 1
                    found.begun |= {one.name: one for one in board.raised()}

    def _act(self, board: Board, acted: list[Acted], bucket: int) -> None:
        """What was done until the end of a bucket begins a history again with the next one."""
        while acted and acted[0].at < begin_of(bucket + 1):
            one = acted.pop(0)
            board.healed(one.attempt, self.components(one.target))


def newest_of(now: datetime) -> int:
    """The number of the newest five minutes that are over, with all their values."""
    return int((now - LATE).timestamp() // BUCKET_S) - 1


def begin_of(bucket: int) -> datetime:
    """Its first moment."""
    return datetime.fromtimestamp(bucket * BUCKET_S, UTC)

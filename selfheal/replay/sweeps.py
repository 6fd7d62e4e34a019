"""The looks at one component, once more: strikes, hysteresis and graces as a watcher has them, with other numbers.

What was done in the past stays done: while an attempt was under way nothing is raised, and one that healed ends what it
healed. Where a slower rule would not have got so far by then, it is reckoned on: what only an attempt mended would
have stayed as it was.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from selfheal.model.component import Component
from selfheal.model.health import HealthStatus
from selfheal.model.observation import Health, Observation
from selfheal.model.recorded import LookRow, Tried
from selfheal.model.replay import Alarm, End, Rule
from selfheal.policy.health import Track, advance, sick_since
from selfheal.policy.raising import Reason, reason_of
from selfheal.policy.triggers import platform_restarts, priority_of, usual_type


@dataclass(frozen=True, kw_only=True)
class Patience:
    """When a watcher raises.

    Attributes:
        strikes: sick looks in a row that make DOWN.
        recoveries: healthy ones in a row that end it.
        grace: how long a platform's own restarts may try before.
        sweep: from one look to the next.
    """

    strikes: int
    recoveries: int
    grace: timedelta
    sweep: timedelta


class Sweeps:
    """One component under one patience; looks are taken in their order.

    Args:
        component: as the settings describe it.
        components: the estate.
        patience: of the rule.
        tried: the attempts on its target, in order.
    """

    def __init__(
        self, component: Component, components: Mapping[str, Component], patience: Patience, tried: Sequence[Tried]
    ) -> None:
        self._component, self._components, self._patience = component, components, patience
        self._tried = sorted((one for one in tried if one.ended_at is not None), key=lambda one: one.began_at)
        self._next = 0
        self._begun = False  # the attempt at `_next`
        self._track = Track()
        self._since: datetime | None = None
        self._alarm: Alarm | None = None
        self._cut: Alarm | None = None  # what would have been raised later, had an attempt under way not mended it
        self._sick: Observation | None = None
        self._unseen = False
        self._fresh = False  # this run of the watcher has not raised anything yet

    def take(self, rows: Iterable[LookRow]) -> Iterator[Alarm]:
        """Go on with these looks; gives what ended meanwhile."""
        for row in rows:
            yield from self._attempts_until(row.at)
            yield from self._look(row)

    def rest(self) -> Iterator[Alarm]:
        """What goes on at the end."""
        if self._alarm is not None:
            yield self._alarm

    def _attempts_until(self, now: datetime) -> Iterator[Alarm]:
        """What attempts that have begun by now cut short, and what those that have ended have healed."""
        while self._next < len(self._tried) and self._tried[self._next].began_at <= now:
            one = self._tried[self._next]
            if not self._begun and self._alarm is None and self._since is not None and self._sick is not None:
                self._cut = self._reckoned(self._since, self._sick)
            self._begun = True
            if one.ended_at is None or one.ended_at > now:
                return
            yield from self._ended(one, one.ended_at)

    def _ended(self, one: Tried, at: datetime) -> Iterator[Alarm]:
        cut, self._cut = self._cut, None
        self._next, self._begun = self._next + 1, False
        if not one.healed:
            return
        if self._alarm is None and cut is not None:
            self._alarm = cut
        yield from self._close(at, End.HEALED)
        self._track, self._since = Track(status=HealthStatus.OPERATIONAL), None

    def _look(self, row: LookRow) -> Iterator[Alarm]:
        look, life = row.look, row.look.life
        seen = Observation(
            component=self._component.name,
            health=look.health,
            detail=row.detail,
            observed_at=row.at,
            response_ms=row.response_ms,
            incarnation=life,
        )
        if row.gap_s:
            self._track, self._since, self._unseen = Track(), None, True
        if look.first:  # another run of the watcher, which knows nothing of the one before
            self._track, self._since, self._fresh = Track(), None, True
        if look.glance:
            self._since = self._since or row.at
            return
        known = replace(self._track, well=life if look.well else None)
        patience = self._patience
        self._track = advance(
            known,
            seen,
            strikes=patience.strikes,
            recoveries=patience.recoveries,
            start_timeout=self._component.start_timeout,
        )
        self._since = sick_since(self._since, self._track, seen)
        if seen.health is Health.SICK:
            self._unseen, self._sick = False, seen
            self._raise_if_due(seen)
        elif self._track.status is HealthStatus.OPERATIONAL and not self._healing():
            yield from self._close(row.at, End.UNSEEN if self._unseen else End.RECOVERED)
            self._unseen = False

    def _raise_if_due(self, seen: Observation) -> None:
        since = self._since or seen.observed_at
        if (self._alarm is not None and not self._fresh) or not self._track.down or self._healing():
            return
        reason = reason_of(
            self._component,
            seen,
            self._components,
            sick_since=since,
            now=seen.observed_at,
            grace=self._patience.grace,
        )
        if reason is None or reason.stopped:
            return
        self._fresh = False
        if self._alarm is None:
            self._alarm = self._made(reason, since, seen.observed_at, seen.detail)
        else:
            self._alarm = replace(self._alarm, again=(*self._alarm.again, seen.observed_at))

    def _healing(self) -> bool:
        """Whether an attempt was under way at the look that is taken."""
        return self._begun

    def _reckoned(self, since: datetime, last: Observation) -> Alarm:
        """When it would have been raised, had nothing healed it before."""
        left = max(self._patience.strikes - self._track.strikes, 0)
        at = last.observed_at + left * self._patience.sweep
        if platform_restarts(self._component, last):
            at = max(at, since + self._patience.grace)
        kind = usual_type(self._component)
        reason = Reason(kind=kind, priority=priority_of(self._component, kind), stopped=False)
        return replace(self._made(reason, since, at, last.detail), projected=True)

    def _made(self, reason: Reason, since: datetime, at: datetime, why: str) -> Alarm:
        return Alarm(
            rule=Rule.DOWN,
            component=self._component.name,
            target=self._component.target,
            kind=reason.kind,
            priority=reason.priority,
            since=since,
            raised_at=at,
            ended_at=None,
            end=End.OPEN,
            why=why,
        )

    def _close(self, at: datetime, end: End) -> Iterator[Alarm]:
        if self._alarm is not None:
            yield replace(self._alarm, ended_at=at, end=end)
        self._alarm = None

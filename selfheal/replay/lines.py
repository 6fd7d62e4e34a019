"""Lines of a pattern within a window, once more: when they reach the threshold.

What `store.logs` does in SQL, one commit after the other: lines are counted for ten seconds each, those of the window
that raised nothing yet are added up, and once they reach the threshold all of them have raised.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from selfheal.model.component import Component
from selfheal.model.log import LogPattern, LogSource
from selfheal.model.recorded import LogCount
from selfheal.model.replay import Alarm, End, Rule
from selfheal.model.trigger import TriggerType
from selfheal.policy.log_raising import raises, urgency
from selfheal.settings.estate import Settings

BUCKET = timedelta(seconds=10)
"""Lines are counted for so long each."""


@dataclass(frozen=True, kw_only=True)
class Reached:
    """A threshold that was reached.

    Attributes:
        at: when, to ten seconds.
        since: the oldest line of it.
        lines: so many.
    """

    at: datetime
    since: datetime
    lines: int


def reached(counts: Iterable[LogCount], *, threshold: int, window: timedelta) -> Iterator[Reached]:
    """Each time that the lines of one pattern in one log reach the threshold; counts in their order."""
    waiting: deque[LogCount] = deque()
    lines = 0
    for one in counts:
        while waiting and waiting[0].at <= one.at - window:
            lines -= waiting.popleft().hits
        waiting.append(one)
        lines += one.hits
        if lines >= threshold:
            yield Reached(at=one.at, since=waiting[0].at, lines=lines)
            waiting.clear()
            lines = 0


def alarms_of(
    source: LogSource, pattern: LogPattern, component: Component, counts: Iterable[LogCount], *, window: timedelta
) -> Iterator[Alarm]:
    """What one pattern in one log raises for its suspect."""
    for one in reached(counts, threshold=pattern.threshold, window=window):
        yield Alarm(
            rule=Rule.LOG,
            component=component.name,
            target=component.target,
            kind=TriggerType.LOG_ERROR,
            priority=urgency(pattern),
            since=one.since,
            raised_at=one.at,
            ended_at=None,
            end=End.MOMENT,
            why=f"{source.name} has {one.lines} lines of {pattern.name}",
        )


def followed(settings: Settings) -> Mapping[tuple[str, str], tuple[LogSource, LogPattern]]:
    """What raises, by the names of log and pattern."""
    logs = settings.log_monitor
    return {
        (source.name, pattern.name): (source, pattern)
        for source in logs.followed(settings.components)
        for pattern in logs.rules().patterns
        if raises(pattern, source, settings.investigated)
    }

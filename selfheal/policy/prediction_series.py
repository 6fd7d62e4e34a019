"""Which stretch of a metric is shown around a prediction, and how finely."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby

from selfheal.model.prediction import Prediction
from selfheal.model.prediction_report import Point

BEFORE, AFTER = timedelta(hours=24), timedelta(hours=2)
STRETCH = timedelta(minutes=5)
"""What a rollup comes to."""
MOST = 480
"""Points at most: 40 hours of five minutes each; what is longer is shown more coarsely."""
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = datetime(9999, 1, 1, tzinfo=UTC)


def span_of(prediction: Prediction, now: datetime) -> tuple[datetime, datetime]:
    """From when until when: a day before the alarm, until now or until a while after it was settled.

    Args:
        prediction: it.
        now: aware time.
    """
    settled = prediction.settled_at
    until = now if settled is None else min(now, min(settled, _LAST) + AFTER)
    return max(prediction.raised_at, _FIRST + BEFORE) - BEFORE, until


def stretch_of(since: datetime, until: datetime) -> timedelta:
    """How long the stretch of one point is, so that there are not more than `MOST`; whole five minutes."""
    return STRETCH * max(1, -(-max(until - since, STRETCH) // (STRETCH * (MOST - 1))))


def by_hour(points: Sequence[Point]) -> Sequence[Point]:
    """The same by hours of UTC, for a table; the mean is that of the points."""
    hours = ((at, list(found)) for at, found in groupby(points, lambda one: one.at.replace(minute=0, second=0)))
    return [
        Point(
            at=at,
            min=min(one.min for one in found),
            max=max(one.max for one in found),
            mean=sum(one.mean / len(found) for one in found),
        )
        for at, found in hours
    ]

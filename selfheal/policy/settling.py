"""What became of a prediction. The words mean what docs/forecast.md says they mean, in the benchmark as here."""

from datetime import datetime, timedelta

from selfheal.model.prediction import Facts, Outcome, Prediction

SOONEST, LATEST = timedelta(minutes=10), timedelta(hours=6)
"""A breach so long after an alarm is a hit,"""
LONGEST = timedelta(hours=24)
"""and until then the alarm was early; after that nobody waits any more."""
MARGIN = timedelta(hours=1)
"""What was prevented has not come for so much longer than it was foretold."""


def settle(prediction: Prediction, facts: Facts, *, now: datetime) -> Outcome | None:
    """Its outcome; None: it is not known yet.

    Args:
        prediction: that has none.
        facts: what came of it so far.
        now: aware UTC time.
    """
    raised, breached = prediction.raised_at, facts.breached_at
    if breached is not None and timedelta(0) <= breached - raised <= LONGEST:
        if facts.healed_at is not None and facts.healed_at < breached:
            return Outcome.UNKNOWN  # what came then was another rise
        return Outcome.HIT if breached - raised <= LATEST else Outcome.EARLY
    foretold = prediction.high or prediction.breach_at or raised + LATEST
    if now >= foretold + MARGIN or facts.moved_on:
        if facts.helped_at is not None and facts.well:
            return Outcome.PREVENTED
        if facts.healed_at is not None:
            return Outcome.UNKNOWN
    if now < raised + LONGEST and not facts.moved_on:
        return None
    return Outcome.MISS if facts.seen else Outcome.UNKNOWN

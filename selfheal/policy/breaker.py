"""What a circuit breaker does next: a breaker and an event in, the next breaker and an answer out.

The store calls `advance` inside one transaction and writes the event beside the new state, so that folding the
recorded events gives the state again: whatever is random or measured is part of the event.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from selfheal.model.breaker import Breaker, BreakerDeed, Denial, Mode, Override, Permit, State, Thresholds
from selfheal.model.breaker_event import Ask, Event, Force, GiveBack, Release, Renew, Reset, Result
from selfheal.model.errors import Permanent

Answer = Permit | Denial | None


def advance(breaker: Breaker, event: Event, limits: Thresholds) -> tuple[Breaker, Answer]:
    """The next breaker, and what the one who asked is told; None to every other event.

    A result of another generation, or of a probe that is not under way any more, changes nothing.
    """
    now = _after_time(breaker, event.at)
    if isinstance(event, Ask):
        return _ask(now, event, limits)
    return _changed(now, event, limits), None


def tripped(before: Breaker, after: Breaker) -> bool:
    """Whether its results have opened it: then a person is told, and its cause is healed. Not where a person did."""
    return after.state is State.OPEN and after.override is None and after.generation != before.generation


def decision(deed: BreakerDeed, at: datetime, *, who: str, why: str, lasts: timedelta | None) -> Event:
    """A person's decision as an event.

    Args:
        deed: what they decided.
        at: when.
        who: they.
        why: their reason.
        lasts: of open and close; None: until somebody ends it.

    Raises:
        Permanent: nobody, or no reason, is named; or an end is given to what has none.
    """
    who, why = who.strip(), why.strip()
    if not who or not why:
        raise Permanent("a decision needs who and why", hint="they are recorded, and told to whom it refuses")
    if deed in {BreakerDeed.AUTOMATIC, BreakerDeed.RESET}:
        if lasts is not None:
            raise Permanent(f"{deed} takes no time: only open and close last", hint="leave the time out")
        return Release(at=at, who=who, why=why) if deed is BreakerDeed.AUTOMATIC else Reset(at=at, who=who, why=why)
    mode = Mode.FORCED_OPEN if deed is BreakerDeed.OPEN else Mode.FORCED_CLOSED
    return Force(at=at, override=Override(mode=mode, who=who, why=why, until=None if lasts is None else at + lasts))


def _changed(breaker: Breaker, event: Event, limits: Thresholds) -> Breaker:
    """What every event but an ask does."""
    match event:
        case Result():
            return _counted(breaker, event, limits)
        case Renew() | GiveBack():
            return _kept(breaker, event, limits)
        case Force():
            return _forced(breaker, event)
        case Release():
            return _released(breaker)
        case Reset():
            return Breaker(name=breaker.name, generation=breaker.generation + 1)
    return breaker


def _after_time(breaker: Breaker, at: datetime) -> Breaker:
    """What time alone does: overrides end, lost probes give their permits back, an open time runs out."""
    override = breaker.override
    if override is not None and override.until is not None and override.until <= at:
        return _released(breaker)
    if breaker.open_until is not None and breaker.open_until <= at:
        return _half_open(breaker)
    left = tuple((permit, until) for permit, until in breaker.permits if until > at)
    return breaker if left == breaker.permits else replace(breaker, permits=left)


def _ask(breaker: Breaker, event: Ask, limits: Thresholds) -> tuple[Breaker, Answer]:
    granted = Permit(id=event.permit, generation=breaker.generation)
    if breaker.state is State.CLOSED:
        return breaker, granted
    if breaker.state is State.OPEN:
        return breaker, _open(breaker)
    if event.permit in dict(breaker.permits):  # the answer to the first ask was lost
        return breaker, granted
    if breaker.successes + breaker.failures + len(breaker.permits) >= limits.probes:
        first_lost = min((until for _, until in breaker.permits), default=None)
        return breaker, Denial(reason=f"half-open: all {limits.probes} probes are given out", retry_at=first_lost)
    permits = sorted((*breaker.permits, (event.permit, event.at + limits.permit_lease)))
    return replace(breaker, permits=tuple(permits)), granted


def _open(breaker: Breaker) -> Denial:
    """Why an open breaker denies."""
    if breaker.override is not None:
        by = breaker.override
        return Denial(reason=f"forced open by {by.who}: {by.why}", retry_at=by.until)
    return Denial(reason="open: it kept failing", retry_at=breaker.open_until)


def _kept(breaker: Breaker, event: Renew | GiveBack, limits: Thresholds) -> Breaker:
    """A probe's lease is prolonged, or its permit is free again; one that was lost stays lost."""
    others = tuple(one for one in breaker.permits if one[0] != event.permit)
    if isinstance(event, GiveBack) or others == breaker.permits:
        return replace(breaker, permits=others)
    return replace(breaker, permits=tuple(sorted((*others, (event.permit, event.at + limits.permit_lease)))))


def _counted(breaker: Breaker, event: Result, limits: Thresholds) -> Breaker:
    if event.permit.generation != breaker.generation:
        return breaker
    if breaker.state is State.CLOSED:
        return _counted_closed(breaker, event, limits)
    return _counted_probe(breaker, event, limits) if event.permit.id in dict(breaker.permits) else breaker


def _counted_closed(breaker: Breaker, event: Result, limits: Thresholds) -> Breaker:
    results = (*breaker.results, event.success)[-limits.window :]
    known = replace(breaker, results=results)
    tripped = len(results) >= limits.fewest and known.failure_rate >= limits.trip_rate
    return _tripped(known, event, limits, level=0) if tripped and breaker.mode is Mode.AUTOMATIC else known


def _counted_probe(breaker: Breaker, event: Result, limits: Thresholds) -> Breaker:
    """A probe has ended. It closes as soon as enough have succeeded, and trips as soon as that is out of reach."""
    known = replace(
        breaker,
        permits=tuple(one for one in breaker.permits if one[0] != event.permit.id),
        successes=breaker.successes + event.success,
        failures=breaker.failures + (not event.success),
    )
    if known.successes / limits.probes >= limits.close_rate:
        return Breaker(name=known.name, generation=known.generation + 1, opened_at=known.opened_at)
    if (limits.probes - known.failures) / limits.probes < limits.close_rate:
        return _tripped(known, event, limits, level=min(known.level + 1, len(limits.open_for) - 1))
    return known


def _tripped(breaker: Breaker, event: Result, limits: Thresholds, *, level: int) -> Breaker:
    """Open, for longer each time."""
    length = limits.open_for[level] * (1 + limits.jitter * event.chance)
    return Breaker(
        name=breaker.name,
        state=State.OPEN,
        generation=breaker.generation + 1,
        results=breaker.results,
        level=level,
        opened_at=event.at,
        open_until=event.at + length,
    )


def _half_open(breaker: Breaker) -> Breaker:
    return replace(
        Breaker(name=breaker.name, state=State.HALF_OPEN, generation=breaker.generation + 1),
        level=breaker.level,
        opened_at=breaker.opened_at,
    )


def _forced(breaker: Breaker, event: Force) -> Breaker:
    """A person's word: what is under way has no say any more."""
    state = State.OPEN if event.override.mode is Mode.FORCED_OPEN else State.CLOSED
    return Breaker(
        name=breaker.name,
        state=state,
        generation=breaker.generation + 1,
        level=breaker.level,
        opened_at=event.at if state is State.OPEN else breaker.opened_at,
        override=event.override,
    )


def _released(breaker: Breaker) -> Breaker:
    """Without an override nothing changes; after an open one probes come first."""
    if breaker.override is None:
        return breaker
    if breaker.mode is Mode.FORCED_OPEN:
        return _half_open(breaker)
    return Breaker(name=breaker.name, generation=breaker.generation + 1, opened_at=breaker.opened_at)

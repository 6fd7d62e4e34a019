"""From what is counted to one sentence that says whether somebody must get up."""

from collections.abc import Iterator, Sequence

from selfheal.model.health import HealthStatus
from selfheal.model.overview import Counts, Level, Standing, Verdict
from selfheal.policy.watching import blind

_ONE = {"component": "components", "question": "questions"}


def verdict(standing: Standing, health: Sequence[HealthStatus], *, logs: bool = False) -> Verdict:
    """The verdict.

    What makes everything else worth less comes first: that nobody watches, then that healing is held back.

    Args:
        standing: what is counted, and what holds heals back.
        health: of each component; UNKNOWN where nobody looked lately.
        logs: whether the settings name logs, which somebody is to follow.
    """
    counts = standing.counts
    parts = [*_held(standing, logs=logs), _sick(counts) if counts.sick else _no_fault(health)]
    if counts.approvals:
        words = f"{_many(counts.approvals, 'question')} wait{_s(counts.approvals)} for an answer."
        parts.append((Level.BUSY, words))
    worst = max((level for level, _ in parts), key=list(Level).index)
    return Verdict(level=worst, words=" ".join(words for _, words in parts))


def of_tenant(counts: Counts) -> Verdict:
    """The same for a tenant's person, who sees the faults of their attempts, and nothing of the estate."""
    if counts.sick:
        level, words = _sick(counts)
        return Verdict(level=level, words=f"Of what is yours: {words}")
    return Verdict(level=Level.WELL, words="Nothing that is yours is being healed.")


def _held(standing: Standing, *, logs: bool) -> Iterator[tuple[Level, str]]:
    """What makes all that is known old, or holds heals back."""
    if unseen := blind(standing.watches, logs=logs):
        yield Level.BAD, f"Nobody watches: {', '.join(unseen)} has not looked for half a minute or longer."
    if standing.paused is not None:
        yield Level.HELD, f"Healing is paused by {standing.paused.who}."
    waiting = [storm.group or "the estate" for storm in standing.storms if not storm.go_by]
    if waiting:
        words = f"A storm in {', '.join(waiting)}: heals wait until it is quiet, or for a person's go."
        yield Level.HELD, words


def _no_fault(health: Sequence[HealthStatus]) -> tuple[Level, str]:
    """No fault is open; yet some may not look well, or nobody could look."""
    unwell = sum(one in {HealthStatus.DEGRADED, HealthStatus.DOWN} for one in health)
    unknown = sum(one is HealthStatus.UNKNOWN for one in health)
    if unwell:
        return Level.BUSY, f"No fault is open, but {_many(unwell, 'component')} look{_s(unwell)} unwell."
    if unknown:
        return Level.BUSY, f"No fault is open; of {_many(unknown, 'component')} nobody knows the health."
    return Level.WELL, f"All is well: {_many(len(health), 'component')} watched, no fault open."


def _sick(counts: Counts) -> tuple[Level, str]:
    """How many, and what becomes of them."""
    told = [f"{counts.healing} being healed"] if counts.healing else []
    told += [f"{counts.needs_person} need{_s(counts.needs_person)} a person"] if counts.needs_person else []
    rest = f": {', '.join(told)}" if told else ", and none is being healed yet"
    level = Level.BAD if counts.needs_person else Level.BUSY
    return level, f"{_many(counts.sick, 'component')} {'is' if counts.sick == 1 else 'are'} sick{rest}."


def _many(number: int, what: str) -> str:
    return f"{number} {what if number == 1 else _ONE[what]}"


def _s(number: int) -> str:
    """The verb's ending."""
    return "s" if number == 1 else ""

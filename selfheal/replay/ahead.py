"""What only a heal before anything is sick is refused by: `v0001_preempting.sql` as pure functions.

`replay.admission` asks them after what any heal is refused by, in the order of the SQL.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from selfheal.model.admission import Answer, Decision, Limits
from selfheal.replay.faults import Fault, Heal

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
AGAIN = timedelta(seconds=30)
"""Where others are under way it may be asked again so soon."""
CAP = "prediction.preempt."
"""What the reason of a cap's refusal ends with, and after it the name of that cap."""


def refuse_ahead(fault: Fault, sick: Sequence[Fault], heals: Sequence[Heal], *, now: datetime) -> Answer | None:
    """Why nothing is done for a prediction now, however few heals there are; that it stands is the caller's to know."""
    target = fault.place.target
    if any(one.place.target == target for one in sick):
        return _refused(Decision.ALREADY_HEALING, "it has a fault by now")
    for one in heals:
        lately = one.ended_at is not None and one.ended_at > now - HOUR
        if lately and one.healed and one.acted and one.fault.place.target == target:
            return _refused(Decision.COOLDOWN, "it was healed less than an hour ago")
    if fault.person:
        return _refused(Decision.ATTEMPTS_EXHAUSTED, "a person must look at what is foretold")
    if any(one.fault is fault and one.unknown and one.acted for one in heals):
        return _refused(Decision.ATTEMPTS_EXHAUSTED, "nobody could tell what came of an attempt")
    return None


def too_many_ahead(fault: Fault, heals: Sequence[Heal], limits: Limits, *, now: datetime) -> Answer | None:
    """Whether this would be one pre-emptive heal too many."""
    ahead = [one for one in heals if one.fault.foretold]
    if sum(one.ended_at is None for one in ahead) >= limits.foretold_at_once:
        return _refused(Decision.BLAST_RADIUS, f"{CAP}at_once", now + AGAIN)
    own = [one for one in ahead if one.fault.place.target == fault.place.target]
    for name, most, span, of in (
        ("in_an_hour", limits.foretold_in_hour, HOUR, ahead),
        ("in_a_day", limits.foretold_in_day, DAY, ahead),
        ("per_component", limits.foretold_of_one, DAY, own),
    ):
        begun = sorted((one.began_at for one in of if one.began_at > now - span), reverse=True)
        if len(begun) >= most:
            return _refused(Decision.BLAST_RADIUS, f"{CAP}{name}", begun[most - 1] + span)
    return None


def _refused(decision: Decision, reason: str, retry_at: datetime | None = None) -> Answer:
    return Answer(decision=decision, reason=reason, retry_at=retry_at)

"""Named final states: what the Prefect UI shows of a heal."""

from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from selfheal.model.admission import Decision
from selfheal.model.attempt import Status, Verification
from selfheal.protocol.heal import Result

_REFUSALS = {
    Decision.ALREADY_HEALING: "AlreadyHealing",
    Decision.COOLDOWN: "CoolingDown",
    Decision.NOT_ALLOWED: "NotAllowed",
    Decision.NO_ACTION: "NoAction",
    Decision.ALREADY_HEALTHY: "AlreadyHealthy",
}
_ERRORS = {Decision.NOT_ALLOWED, Decision.NO_ACTION}


def name_of(result: Result) -> str:
    """Healed, NotHealed, RolledBack, Unknown, HandedOver, or the name of a refusal."""
    outcome = result.outcome
    if not result.answer.admitted:
        return _REFUSALS[result.answer.decision]
    if outcome is None:
        return "HandedOver"
    if outcome.status is Status.SUCCESS:
        return "Healed"
    if outcome.status is Status.ROLLED_BACK:
        return "RolledBack"
    return "Unknown" if outcome.verification is Verification.UNKNOWN else "NotHealed"


def message_of(result: Result) -> str:
    """What happened, for a person."""
    if result.outcome is not None:
        return result.outcome.message
    return result.note or result.answer.reason


def final_state(result: Result) -> State[None]:
    """A heal that did not heal, and a trigger that could never be admitted, are failures; other refusals are not."""
    name, message = name_of(result), message_of(result)
    failed = result.answer.decision in _ERRORS or (
        result.answer.admitted and name not in {"Healed", "HandedOver"}
    )
    return Failed(name=name, message=message) if failed else Completed(name=name, message=message)

"""Named final states: what the Prefect UI shows of a heal, and Prefect keeps; so there are no secrets in them."""

from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from selfheal.logs import without_secrets
from selfheal.model.admission import Decision
from selfheal.protocol.heal import Result

_ERRORS = {Decision.NOT_ALLOWED, Decision.NO_ACTION}
_WELL = {"Healed", "HandedOver"}


def final_state(result: Result) -> State[None]:
    """A heal that did not heal, and a trigger that could never be admitted, are failures; other refusals are not."""
    admitted = result.answer.admitted
    failed = result.answer.decision in _ERRORS or (admitted and result.name not in _WELL)
    return (Failed if failed else Completed)(name=result.name, message=without_secrets(result.message))

"""Which recoveries of a turn have failed."""

import pytest
from uuid6 import uuid7

from selfheal.model.admission import Answer, Decision
from selfheal.model.attempt import Outcome, Status, Verification
from selfheal.model.errors import SelfhealError, Transient
from selfheal.protocol.heal import Result
from selfheal.protocol.recovery import failed

ADMITTED = Answer(decision=Decision.ADMITTED, reason="", attempt_id=uuid7())
WELL = Outcome(status=Status.SUCCESS, verification=Verification.HEALED, message="it is pending")
SICK = Outcome(status=Status.FAILED, verification=Verification.NOT_HEALED, message="the file cannot be written")


@pytest.mark.parametrize(
    ("ended", "told"),
    [
        (Result(answer=ADMITTED, outcome=WELL), ""),
        (Result(answer=ADMITTED, outcome=SICK), "NotHealed: the file cannot be written"),
        (Result(answer=ADMITTED, note="stood down"), ""),
        (Result(answer=Answer(decision=Decision.PAUSED, reason="ada has paused it")), ""),
        (Transient("the database is away"), "the database is away"),
    ],
)
def test_a_heal_that_did_not_heal_has_failed_and_a_refusal_has_not(ended: Result | SelfhealError, told: str) -> None:
    """Each by its name with its reason; what another process carries on, or admission refuses, is no failure."""
    assert failed({"REQ-1": ended}) == (f"1 of 1 failed: REQ-1: {told}" if told else "")
    assert failed({}) == ""

"""What a turn of recovery would change, for a person: nothing is changed, and nothing is recorded."""

from collections.abc import Sequence

from selfheal.model.recovery import Standing
from selfheal.policy.recovery_turn import turn
from selfheal.protocol.escalated_work import causes
from selfheal.protocol.recovery import Recovery
from selfheal.protocol.workflow_looks import Look


def planned(recovery: Recovery, workflow: str = "") -> Sequence[Look]:
    """How each stands of which there is something to say, the most urgent first; or only this one.

    Raises:
        Transient: they cannot be looked at.
    """
    if workflow:
        return [recovery.looks.one(workflow)]
    looks = {one.verdict.req_number: one for one in recovery.looks.all().looks}
    stuck = [one.verdict for one in looks.values() if one.verdict.standing is Standing.STUCK]
    first = [looks[name] for name in turn(stuck, at_most=len(stuck), go=True).chosen]
    others = [one for one in looks.values() if one.verdict.standing not in {Standing.STUCK, Standing.FINE}]
    return [*first, *others]


def preview(recovery: Recovery, workflow: str = "") -> str:
    """The same in words, one a line."""
    looks = planned(recovery, workflow)
    stuck = sum(one.verdict.standing is Standing.STUCK for one in looks)
    storm = not workflow and stuck > recovery.at_most
    head = [f"{stuck} are stuck, more than {recovery.at_most}: a storm, nothing would be changed"] if storm else []
    return "\n".join([*head, *map(words, looks)]) or "none is stuck: nothing would be changed"


def preview_escalated(recovery: Recovery) -> str:
    """What would be healed for escalated work, and what would become of each."""
    survey = recovery.looks.all()
    first = [
        f"{one.trigger.component} would be healed for {', '.join(one.workflows)}" for one in causes(recovery, survey)
    ]
    return "\n".join([*first, *map(words, survey.standing(Standing.ESCALATED))]) or "none is escalated"


def words(look: Look) -> str:
    """One of them, in a sentence."""
    verdict, plan = look.verdict, look.verdict.plan
    done = "nothing would be done" if plan is None else f"would become {plan.status} at stage {plan.stage}"
    return f"{verdict.req_number}: {verdict.standing}, {done}" + (f": {verdict.why}" if verdict.why else "")

"""workflow-recovery: completes work that agents have escalated, by the rules of the settings.

What the work complains of is healed by its own action; then the work goes on. What needs a person is blocked, and what
no rule knows stays ESCALATED; a person is told of both.
"""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.forms import DryRun
from flows.healing_dispatch import dispatch
from flows.names import escalated_run
from selfheal.bootstrap import current
from selfheal.logs import without_secrets
from selfheal.model.errors import SelfhealError
from selfheal.protocol.recovery import NotRecovered, dispatched, failed, healed, said
from selfheal.protocol.recovery_preview import preview_escalated
from tasks.recovery.escalations import find_causes, tell_of_unknown, what_goes_on
from tasks.recovery.workflows import look_at_workflows
from tasks.signing import signed_in


@flow(name="workflow-recovery", flow_run_name=escalated_run, persist_result=False)
def workflow_recovery(dry_run: DryRun = False) -> State[None]:  # noqa: FBT002 - the form's tick box
    """Complete escalated work: heal what it complains of, then let it go on; block what needs a person.

    Args:
        dry_run: Only tell which rule fits each, and what would be done.
    """
    recovery = current().recovery
    if recovery is None:
        return Completed(name="NoWorkflows", message="workflows.request_file names no file: there are no workflows")
    try:
        if dry_run:
            return Completed(name="DryRun", message=without_secrets(preview_escalated(recovery)))
        with signed_in("workflow-recovery"):
            survey = look_at_workflows()
            causes = dispatched(dispatch, [one.trigger for one in find_causes(survey)])
            ended = dispatched(dispatch, what_goes_on(survey, causes))
            unknown = tell_of_unknown(survey)
            if words := failed({**causes, **ended}):
                raise NotRecovered(words)
    except SelfhealError as error:
        return Failed(name="NotRecovered", message=without_secrets(str(error)))
    not_done = {name: said(one) for name, one in {**causes, **ended}.items() if not healed(one)}
    well = sum(map(healed, ended.values()))
    done = f"{well} of {len(ended)} put back or blocked, {len(causes)} causes healed or tried"
    told = "".join(f"; {name}: {why}" for name, why in not_done.items())
    return Completed(
        name="PartlyRecovered" if not_done else "Recovered",
        message=without_secrets(f"{done}, {len(unknown)} that no rule fits{told}"),
    )

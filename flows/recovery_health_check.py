"""recovery-health-check: finds workflows that are stuck and puts them back on track, a few in each turn.

It runs every 5 minutes; at start and every 5 hours it also counts orphans and looks after the host services.
"""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.forms import DryRun, Full, Who, Why, Workflow
from flows.healing_dispatch import dispatch
from flows.names import recovery_run
from flows.states import final_state
from selfheal.bootstrap import current
from selfheal.logs import without_secrets
from selfheal.model.errors import SelfhealError
from selfheal.model.recovery import Standing
from selfheal.model.workflow_health import WorkflowHealth
from selfheal.policy.asking import unproven
from selfheal.protocol.recovery import (
    NotRecovered,
    Recovery,
    asked_trigger,
    dispatched,
    failed,
    healed,
    said,
    stuck_trigger,
)
from selfheal.protocol.recovery_preview import preview
from tasks.recovery.workflows import (
    choose,
    count_orphans,
    keep_health,
    look_at_workflows,
    services_down,
    settle,
    show_workflows,
)
from tasks.signing import signed_in


@flow(name="recovery-health-check", flow_run_name=recovery_run, persist_result=False)
def recovery_health_check(
    workflow: Workflow = "",
    full: Full = False,  # noqa: FBT002 - the form's tick box
    who: Who = "",
    why: Why = "",
    dry_run: DryRun = False,  # noqa: FBT002 - the form's tick box
) -> State[None]:
    """Put stuck workflows back on track, or one of them by a person's word.

    Args:
        workflow: Only this one, like REQ-ITEM-MASTER-001, whether it is its turn or not; empty: all that are stuck.
        full: Count orphans and look after the host services too, although it is not their time.
        who: Who asks for the one; it is recorded as your word, for Prefect knows no persons.
        why: Why; it is recorded.
        dry_run: Only tell how each stands, and what would be changed.
    """
    recovery = current().recovery
    if recovery is None:
        return Completed(name="NoWorkflows", message="workflows.request_file names no file: there are no workflows")
    try:
        if dry_run:
            return Completed(name="DryRun", message=without_secrets(preview(recovery, workflow)))
        if workflow:
            asked = asked_trigger(recovery, workflow, who=unproven(who or "somebody"), why=why)
            return final_state(dispatch(asked))
        with signed_in("recovery-health-check"):
            health = _turn(recovery, full=full or recovery.full_is_due())
    except NotRecovered as error:
        return Failed(name="NotRecovered", message=without_secrets(str(error)))
    except SelfhealError as error:
        return Failed(name="NotChecked", message=without_secrets(str(error)))
    return Completed(name="Storm" if health.storm else health.level.capitalize(), message=without_secrets(health.words))


def _turn(recovery: Recovery, *, full: bool) -> WorkflowHealth:
    """One turn over all of them; it has failed if a recovery has, so that no run ends well that recovered nothing."""
    survey = look_at_workflows()
    turn, storm = choose(survey)
    stuck = {one.verdict.req_number: one for one in survey.standing(Standing.STUCK)}
    now = recovery.clock.now()
    plans = [(stuck[name], plan) for name in turn.chosen if (plan := stuck[name].verdict.plan)]
    ended = dispatched(dispatch, [stuck_trigger(look, plan, now=now) for look, plan in plans])
    settle(survey)
    services = dispatched(dispatch, services_down()) if full else {}
    health = recovery.concluded(
        look_at_workflows() if ended else survey,
        full=full,
        orphans=count_orphans(survey) if full else None,
        recovered={name: said(one) for name, one in ended.items() if healed(one)},
        not_recovered={name: said(one) for name, one in ended.items() if not healed(one)},
        services={name: said(one) for name, one in services.items()},
        storm=storm,
    )
    keep_health(health)
    show_workflows(health, return_state=True)  # its failure stands in its own state
    if words := failed({**ended, **services}):
        raise NotRecovered(words)
    return health

"""Shows the workflows that are under way or wait in the Prefect UI."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from selfheal.bootstrap import current
from selfheal.model.workflow import Workflow, WorkflowStatus
from selfheal.policy.starting import in_turn
from tasks.reporting.artifact import keep_table
from tasks.retries import ONCE

_LONGEST = 200
_OPEN = (WorkflowStatus.RUNNING, WorkflowStatus.PENDING, WorkflowStatus.BLOCKED)


@task(name="show-workflows", task_run_name="show the workflows", cache_policy=NO_CACHE, **ONCE)
def show_workflows() -> None:
    """One table artifact: those that run, then those that wait in their order; a new version when it has changed."""
    estate = current()
    if estate.keeping is None:
        return
    found = estate.keeping.sources.states.all()
    rows = [_row(one) for status in _OPEN for one in in_turn(each for each in found if each.status is status)]
    keep_table(rows[:_LONGEST], key="workflows", description="The workflows that are under way, or wait.")


def _row(one: Workflow) -> dict[str, object]:
    return {
        "workflow": one.req_number,
        "status": one.status.value,
        "priority": one.priority,
        "stage": f"{one.current_stage} {one.assigned_to}",
        "the file says": one.file_status,
        "since": one.updated_at.isoformat(timespec="seconds"),
        "held": one.held_why,
    }

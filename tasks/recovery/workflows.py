"""Looks at the workflows, decides a turn, writes down what came of it: the steps of `recovery-health-check`."""

from collections.abc import Mapping, Sequence

from prefect import task
from prefect.cache_policies import NO_CACHE

from selfheal.model.deliverable import Orphans
from selfheal.model.trigger import Trigger
from selfheal.model.workflow_health import WorkflowHealth
from selfheal.policy.recovery_turn import Turn
from selfheal.protocol.workflow_looks import Survey
from tasks.recovery.wired import recovery
from tasks.reporting.artifact import keep_table
from tasks.retries import ONCE, RETRYING


@task(name="look-at-workflows", task_run_name="look at all workflows", cache_policy=NO_CACHE, **RETRYING)
def look_at_workflows() -> Survey:
    """Read the request file, the state and, of what may be stuck, the deliverables."""
    return recovery().looks.all()


@task(name="choose", task_run_name="choose what this turn recovers", cache_policy=NO_CACHE, **RETRYING)
def choose(survey: Survey) -> tuple[Turn, str]:
    """Decide the turn; a storm is told to a person, once."""
    return recovery().choose(survey)


@task(name="close-faults", task_run_name="close faults that have ended, tell people", cache_policy=NO_CACHE, **RETRYING)
def settle(survey: Survey) -> None:
    """Close the faults of workflows that are well again, and tell of those that only a person can settle."""
    recovery().close_recovered(survey)
    recovery().tell_persons(survey)


@task(name="services-down", task_run_name="look after the host services", cache_policy=NO_CACHE, **RETRYING)
def services_down() -> Sequence[Trigger]:
    """A trigger for each that is down."""
    return recovery().services_down()


@task(name="count-orphans", task_run_name="count deliverables without a request", cache_policy=NO_CACHE, **RETRYING)
def count_orphans(survey: Survey) -> Orphans | None:
    """Deliverables of requests that nobody knows; None: nobody can tell, for the file is not whole."""
    return recovery().orphans(survey)


@task(name="keep-health", task_run_name="write down how the workflows are", cache_policy=NO_CACHE, **RETRYING)
def keep_health(health: WorkflowHealth) -> None:
    """In place of what the last check of this kind found."""
    recovery().book.keep(health)


@task(name="show-workflows", task_run_name="show the workflows", cache_policy=NO_CACHE, **ONCE)
def show_workflows(health: WorkflowHealth) -> None:
    """One table artifact: the level and the counts, then each workflow of which there is something to say."""
    keep_table(rows(health), key="workflow-health", description="How the estate's workflows are.")


def rows(health: WorkflowHealth) -> list[dict[str, str]]:
    """The lines as a person reads them."""
    orphans = {f"orphans of {name}": str(count) for name, count in (health.orphans or {}).items()}
    found: list[tuple[str, Mapping[str, str]]] = [
        ("recovered", health.recovered),
        ("not recovered", health.not_recovered),
        ("nobody can tell", health.could_not_tell),
        ("for a person", health.for_a_person),
        ("host service", health.services),
        ("orphans", orphans),
        ("orphans not told", health.orphans_not_told),
    ]
    lines = [{"what": what, "which": name, "why": why} for what, those in found for name, why in those.items()]
    return [{"what": "level", "which": health.level.value, "why": health.words}, *lines]

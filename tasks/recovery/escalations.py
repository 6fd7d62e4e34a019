"""The steps of `workflow-recovery`: what escalated work complains of, and what goes on afterwards."""

from collections.abc import Mapping, Sequence

from prefect import task
from prefect.cache_policies import NO_CACHE

from selfheal.model.errors import SelfhealError
from selfheal.model.trigger import Trigger
from selfheal.protocol import escalated_work
from selfheal.protocol.escalated_work import Cause
from selfheal.protocol.heal import Result
from selfheal.protocol.workflow_looks import Survey
from tasks.recovery.wired import recovery
from tasks.retries import RETRYING


@task(name="find-causes", task_run_name="find what escalated work complains of", cache_policy=NO_CACHE, **RETRYING)
def find_causes(survey: Survey) -> Sequence[Cause]:
    """What is to be healed first, each component once."""
    return escalated_work.causes(recovery(), survey)


@task(name="what-goes-on", task_run_name="look which of it goes on", cache_policy=NO_CACHE, **RETRYING)
def what_goes_on(survey: Survey, ended: Mapping[str, Result | SelfhealError]) -> Sequence[Trigger]:
    """What puts it back, or blocks it."""
    return escalated_work.going_on(recovery(), survey, ended)


@task(name="tell-of-unknown", task_run_name="tell of what no rule fits", cache_policy=NO_CACHE, **RETRYING)
def tell_of_unknown(survey: Survey) -> Sequence[str]:
    """A person is told once of each escalation."""
    return escalated_work.tell_of_unknown(recovery(), survey)

"""The steps of workflow-admission. Each goes on with what another run of it has left: a retry does nothing twice."""

from collections.abc import Sequence

from prefect import task
from prefect.cache_policies import NO_CACHE

from selfheal.bootstrap import current
from selfheal.model.errors import Permanent
from selfheal.protocol.admitting import Turn, admit
from selfheal.protocol.starting import Starting, conclude, finish_all
from tasks.retries import RETRYING


@task(name="finish-starts", task_run_name="finish starts that were broken off", cache_policy=NO_CACHE, **RETRYING)
def finish_starts() -> Sequence[str]:
    """Publish and record what was claimed by a process that is gone, or could not be finished; those that are now."""
    return [one.req_number for one in finish_all(starting())]


@task(name="end-starts", task_run_name="end starts that are over", cache_policy=NO_CACHE, **RETRYING)
def end_starts() -> Sequence[str]:
    """See by the deliverables how starts have ended, tell the agents' breakers, keep the permits of the others."""
    return conclude(starting())


@task(name="start-workflows", task_run_name="start the next workflows", cache_policy=NO_CACHE, **RETRYING)
def start_workflows() -> Turn:
    """Claim, publish and record the next ones, as long as there is a place."""
    return admit(starting())


def starting() -> Starting:
    """What starting needs, of this process's estate.

    Raises:
        Permanent: it has no workflows.
    """
    found = current().starting
    if found is None:
        raise Permanent("there are no workflows", hint="name the request file in workflows.request_file")
    return found

"""The step of workflow-persistence."""

from dataclasses import replace

from prefect import task
from prefect.cache_policies import NO_CACHE

from selfheal.bootstrap import current
from selfheal.model.errors import Permanent
from selfheal.protocol.keeping import Keeping, Kept, keep
from tasks.claimed_runs import claimed_runs
from tasks.retries import RETRYING


@task(name="keep-states", task_run_name="compare the stores, and settle", cache_policy=NO_CACHE, **RETRYING)
def keep_states(although_many: bool) -> Kept:  # noqa: FBT001 - handed on from the form
    """Take in, settle, describe, forget; what is done already is not found again: a retry does nothing twice."""
    works = keeping()
    asked = replace(works.sources, runs=claimed_runs)
    return keep(replace(works, sources=asked), although_many=although_many)


@task(name="project-deliverables", task_run_name="take in what was delivered", cache_policy=NO_CACHE, **RETRYING)
def project_deliverables() -> str:
    """Take what was delivered since the last run into the history that people read; what was done, in words.

    Decisions never wait for it: they ask the broker.
    """
    done = keeping().project()
    untold = "; ".join(f"{stream}: {why}" for stream, why in done.could_not_tell.items())
    return f"{done.taken} deliverables taken in{', more are left' if done.left else ''}{'; ' * bool(untold)}{untold}"


def keeping() -> Keeping:
    """What keeping needs, of this process's estate, with the runs that Prefect has.

    Raises:
        Permanent: it has no workflows.
    """
    found = current().keeping
    if found is None:
        raise Permanent("there are no workflows", hint="name the request file in workflows.request_file")
    return replace(found, sources=replace(found.sources, runs=claimed_runs))

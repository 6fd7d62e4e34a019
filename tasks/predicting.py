"""The steps of predictive-health. A look that was not written down is looked at again: nothing of it is done twice."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from selfheal.bootstrap import current
from selfheal.protocol.predicting import Turn
from tasks.retries import RETRYING


@task(name="foretell", task_run_name="look at every series, and foretell", cache_policy=NO_CACHE, **RETRYING)
def foretell() -> Turn:
    """One look at all series, written down as a whole with what it has found."""
    return current().predicting.turn()

"""The steps of agent-health. What is kept or told can be done again; a look is what it is."""

from collections.abc import Sequence

from prefect import task
from prefect.cache_policies import NO_CACHE

from selfheal.bootstrap import current
from selfheal.model.host import HostHealth
from tasks.retries import ONCE, RETRYING


@task(name="keep-look", task_run_name="write down what was measured", cache_policy=NO_CACHE, **RETRYING)
def keep_look(health: HostHealth) -> None:
    """As rows of `health_history`, with their rollups."""
    current().host.keep(health)


@task(name="tell-of-host", task_run_name="tell people what is wrong", cache_policy=NO_CACHE, **RETRYING)
def tell_of_host(health: HostHealth) -> Sequence[str]:
    """Once of each thing that nothing heals, and once that it is over."""
    return current().host.tell(health)


@task(name="publish-look", task_run_name="publish what was seen", cache_policy=NO_CACHE, **ONCE)
def publish_look(health: HostHealth) -> None:
    """On the subjects of the settings; a broker that is away fails this alone, and the next look publishes anew."""
    current().host.publish(health)

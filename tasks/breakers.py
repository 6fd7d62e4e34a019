"""Shows the circuit breakers in the Prefect UI."""

from collections.abc import Sequence

from prefect import task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE

from selfheal.model.breaker import Breaker
from tasks.retries import RETRYING


@task(name="show-breakers", cache_policy=NO_CACHE, **RETRYING)
def show_breakers(breakers: Sequence[Breaker]) -> None:
    """One table artifact, replaced at each look."""
    rows = [
        {
            "breaker": one.name,
            "state": one.state.value,
            "mode": one.mode.value,
            "failure rate": f"{one.failure_rate:.0%} of {len(one.results)}",
            "open until": "" if one.open_until is None else one.open_until.isoformat(timespec="seconds"),
            "why": "" if one.override is None else f"{one.override.who}: {one.override.why}",
        }
        for one in breakers
    ]
    create_table_artifact(key="circuit-breakers", table=rows, description="The circuit breakers of actions and agents.")

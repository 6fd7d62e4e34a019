"""Shows the circuit breakers in the Prefect UI."""

from collections.abc import Sequence

from prefect import task
from prefect.cache_policies import NO_CACHE

from selfheal.model.breaker import Breaker
from tasks.reporting.artifact import keep_table
from tasks.retries import ONCE


@task(name="show-breakers", task_run_name="show the breakers", cache_policy=NO_CACHE, **ONCE)
def show_breakers(breakers: Sequence[Breaker]) -> None:
    """One table artifact, a new version of it when one of them has changed."""
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
    keep_table(rows, key="circuit-breakers", description="The circuit breakers of actions and agents.")

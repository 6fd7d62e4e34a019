"""Shows how often each action heals, in the Prefect UI."""

from collections.abc import Callable, Sequence
from datetime import timedelta

from prefect import task
from prefect.cache_policies import NO_CACHE

from selfheal.bootstrap import current
from selfheal.model.rate import Estimate, Rates
from tasks.reporting.artifact import keep_table
from tasks.retries import ONCE

_WITHIN = timedelta(days=30)
_ALL = "all actions"


@task(name="show-success-rates", task_run_name="show the success rates", cache_policy=NO_CACHE, **ONCE)
def show_rates() -> None:
    """One table artifact: of each action, and of all of them, what came of its heals."""
    keep_table(
        rows(current().rates.rates(within=_WITHIN)),
        key="success-rates",
        description=f"The heals of the last {_WITHIN.days} days, by action; in brackets the 95 % intervals.",
    )


def rows(found: Sequence[Rates]) -> list[dict[str, object]]:
    """The lines about actions as a person reads them, the total last."""
    by_action = [one for one in found if one.component is None]
    return [
        {
            "action": one.action_type or _ALL,
            "attempts": one.attempts,
            "healed": one.healed,
            "success": _told(one.success, lambda rate: f"{rate:.0%}"),
            "mean time to recovery": _told(one.mttr_s, lambda seconds: f"{seconds:,.1f} s"),
            "sick again within 24 h": _told(one.recurrence, lambda rate: f"{rate:.0%}"),
            "saved": _told(one.saved, lambda dollars: f"${dollars:,.0f}".replace("$-", "-$")),
        }
        for one in sorted(by_action, key=lambda one: (one.action_type is None, one.action_type or ""))
    ]


def _told(estimate: Estimate, words: Callable[[float], str]) -> str:
    """A figure with its interval, as far as they are known."""
    if estimate.value is None:
        return ""
    if estimate.low is None or estimate.high is None:
        return words(estimate.value)
    return f"{words(estimate.value)} ({words(estimate.low)} to {words(estimate.high)})"

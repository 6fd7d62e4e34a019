"""Shows what a replay found, in the Prefect UI."""

from datetime import datetime

from prefect import task
from prefect.cache_policies import NO_CACHE

from selfheal.model.replay import Counted, Example, Foreseen, Replayed
from tasks.reporting.artifact import keep_table
from tasks.retries import ONCE


@task(name="show-replay", task_run_name="show what it comes to", cache_policy=NO_CACHE, **ONCE)
def show_replay(found: Replayed) -> None:
    """Table artifacts: rule by rule, predictions where they were replayed, and the differences with their times."""
    asked = "; ".join(f"{path}: {was} -> {would}" for path, was, would in found.changes) or "as it is set"
    about = f"From {found.since:%Y-%m-%d %H:%M} to {found.until:%Y-%m-%d %H:%M} UTC: {asked}. Nothing was healed."
    keep_table([_figures(one) for one in found.counted], key="replay", description=about)
    if found.foreseen:
        keep_table([_foreseen(one) for one in found.foreseen], key="replay-predictions", description=about)
    keep_table([_example(one) for one in found.examples], key="replay-differences", description=about)


def summary(found: Replayed) -> str:
    """In one line."""
    looked = f"{len(found.coverage)} components, {found.differences} differences"
    return "; ".join([looked, *found.notes])


def _figures(one: Counted) -> dict[str, object]:
    return {
        "rule": one.rule.value,
        "settings": one.variant,
        "triggers": one.triggers,
        "found": one.found,
        "heals": one.heals,
        "really healed": one.really,
        "earlier": one.earlier,
        "later": one.later,
        "besides": one.besides,
        "missed": one.missed,
        "failed": one.failed,
        "harmed": one.harmed,
        "for nothing": one.for_nothing,
        "lost": _dollars(one.lost, one.guessed),
        "saved": _dollars(one.saved, one.guessed),
    }


def _dollars(some: float, guessed: int) -> str:
    return f"{'about ' if guessed else ''}${some:,.0f}".replace("$-", "-$")


def _foreseen(one: Foreseen) -> dict[str, object]:
    return {
        "settings": one.variant,
        "predictions": one.predictions,
        "hits": one.hits,
        "late": one.late,
        "early": one.early,
        "misses": one.misses,
        "prevented": one.prevented,
        "not known": one.unknown + one.unsettled,
        "breaches": one.breaches,
        "of these foretold": one.foretold,
        "heals": one.heals,
        "in vain": one.in_vain,
        "kept back by caps": "" if one.capped is None else one.capped,
        "which": ", ".join(one.caps),
    }


def _example(one: Example) -> dict[str, object]:
    return {
        "since": _time(one.since),
        "component": one.component,
        "rule": one.rule.value,
        "what": one.what,
        "as set": _time(one.as_set_at),
        "as it would be": _time(one.would_be_at),
        "ended": _time(one.ended_at),
        "how": one.end.value,
        "why": one.why,
    }


def _time(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M:%S}"

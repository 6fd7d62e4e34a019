"""Shows what is foretold in the Prefect UI: what stands as a table, and the track record as a page of the run."""

from collections.abc import Sequence
from datetime import datetime

from prefect import task
from prefect.cache_policies import NO_CACHE

from selfheal.bootstrap import current
from selfheal.model.prediction import Prediction, TrackRecord
from selfheal.policy.intervals import wilson
from selfheal.protocol.predicting import Turn
from tasks.reporting.artifact import keep_markdown, keep_table
from tasks.reporting.markdown import bullets, page, table, words
from tasks.retries import ONCE

_LONGEST = 200


@task(name="show-predictions", task_run_name="show what is foretold", cache_policy=NO_CACHE, **ONCE)
def show_predictions(turn: Turn) -> None:
    """A table of what stands, a new version when it differs; and a page of the run where something changed."""
    if turn.at is None or turn.overtaken:
        return
    rows = [_row(one) for one in turn.standing[:_LONGEST]]
    keep_table(rows, key="predictions", description="What is foretold, and stands.")
    if turn.raised or turn.ended or turn.settled or turn.note:
        store = current().predictions
        text = report(turn, store.records(), store.breached(), link=current().web.predictions())
        keep_markdown(text, key=None, description="What was foretold, and how often that was right.")


def report(turn: Turn, records: Sequence[TrackRecord], breached: tuple[int, int], *, link: str) -> str:
    """The page, as Markdown."""
    return page(
        f"# {len(turn.standing)} predictions stand",
        f"[All of them, with charts]({link})" if link else "",
        _list("## New", turn.raised),
        _list("## Taken back", turn.ended),
        _list("## Settled", turn.settled),
        words(turn.note),
        "## No forecast" if turn.whys else "",
        bullets(f"{count} series: {words(why)}" for why, count in sorted(turn.whys.items())),
        "## The track record" if records else "",
        table(_COLUMNS, (_record(one) for one in records)) if records else "",
        f"{breached[1]} of {breached[0]} breaches were foretold in time: {_rate(breached[1], breached[0])}",
    )


_COLUMNS = (
    "rule",
    "predictions",
    "hits",
    "too late",
    "early",
    "missed",
    "prevented",
    "right",
    "lead",
    "in the interval",
)


def _record(one: TrackRecord) -> Sequence[str]:
    minutes = "" if one.median_lead is None else f"{one.median_lead.total_seconds() / 60:.0f} min"
    counts = (one.raised, one.hits, one.late, one.early, one.missed, one.prevented)
    rates = (_rate(one.right, one.judged), minutes, _rate(one.covered, one.timed))
    return (words(one.rule.value), *map(str, counts), *rates)


def _rate(successes: int, of: int) -> str:
    """With its 95 % interval."""
    if of == 0:
        return "nobody knows yet"
    low, high = wilson(successes, of)
    return f"{successes / of:.0%} ({low:.0%} to {high:.0%})"


def _list(title: str, predictions: Sequence[Prediction]) -> str:
    lines = [f"{words(one.component)}: {words(one.why)}{_outcome(one)}" for one in predictions[:_LONGEST]]
    return f"{title}\n\n{bullets(lines)}" if lines else ""


def _outcome(one: Prediction) -> str:
    return "" if one.outcome is None else f" ({one.outcome.value})"


def _row(one: Prediction) -> dict[str, object]:
    return {
        "component": one.component,
        "metric": one.metric,
        "rule": one.rule.value,
        "why": one.why,
        "since": one.raised_at.isoformat(timespec="seconds"),
        "breach": _moment(one.breach_at),
        "from": _moment(one.low),
        "to": _moment(one.high),
    }


def _moment(at: datetime | None) -> str:
    return "" if at is None else at.isoformat(timespec="seconds")

"""Shows what is foretold in the Prefect UI: what stands as a table, and the track record as a page of the run."""

from collections.abc import Sequence
from datetime import datetime

from prefect import task
from prefect.cache_policies import NO_CACHE

from selfheal.bootstrap import current
from selfheal.model.prediction import Prediction
from selfheal.model.prediction_report import Foreseen, RuleRecord
from selfheal.policy.prediction_words import coverage, lasted, precision, recall, share
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
        reports = current().prediction_reports
        text = report(
            turn, reports.record(within=None), reports.foreseen(within=None), link=current().web.predictions()
        )
        keep_markdown(text, key=None, description="What was foretold, and how often that was right.")


def report(turn: Turn, records: Sequence[RuleRecord], foreseen: Foreseen, *, link: str) -> str:
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
        f"{foreseen.foretold} of {foreseen.breaches} breaches were foretold in time: {share(recall(foreseen))}",
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


def _record(one: RuleRecord) -> Sequence[str]:
    lead = "" if one.lead is None else lasted(one.lead)
    counts = (one.predictions, one.hits, one.late, one.early, one.misses, one.prevented)
    rates = (share(precision(one)), lead, share(coverage(one)))
    return (words("all" if one.rule is None else one.rule.value), *map(str, counts), *rates)


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

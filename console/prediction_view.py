"""How `selfheal predictions` prints predictions: rows, one with its chart, and the track record."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from console.output import Cell, Section, printable, show
from console.place import Output
from console.prediction_chart import chart
from selfheal.model.prediction import Prediction, Untold
from selfheal.model.prediction_report import Foreseen, PredictionStory, RuleRecord
from selfheal.policy import prediction_words as words

FULL = (
    "prediction", "state", "rule", "component", "metric", "value", "limit", "raised_at", "breach_at", "low", "high",
    "ended_at", "breached_at", "settled_at", "why",
)  # fmt: skip
SHORT = ("prediction", "state", "component", "metric", "value", "limit", "raised_at", "breach_at", "why")
UNTOLD = ("component", "metric", "why")
_JUDGED = ("hits", "late", "early", "misses", "prevented", "unknown", "unsettled")
RECORD = ("rule", "right", *_JUDGED, "median_lead", "interval_held")
RECORD_JSON = (
    "rule", "predictions", *_JUDGED, "standing", "precision", "precision_low", "precision_high", "median_lead_seconds",
    "intervals", "covered", "coverage", "coverage_low", "coverage_high",
)  # fmt: skip


def section(name: str, found: Sequence[Prediction], output: Output, *, when_empty: str) -> Section:
    """A table of them."""
    return Section(
        name=name,
        columns=FULL if output == "json" else SHORT,
        rows=[_row(one, output) for one in found],
        when_empty=when_empty,
    )


def untold(found: Sequence[Untold]) -> Section:
    """Series of which too little is known."""
    return Section(
        name="too_little_known",
        columns=UNTOLD,
        rows=[{"component": one.component, "metric": one.metric, "why": one.why} for one in found],
        when_empty="nothing that has a limit",
    )


def one(story: PredictionStory, output: Output) -> None:
    """One of them: how it stands, what was done, the heals, and the series as numbers or as a chart."""
    told = story.prediction
    facts: dict[str, Cell] = {
        **_row(told, "json"),
        "said": words.headline(told, datetime.now(UTC)),
        "done": "; ".join(words.done(story.answer)),
    }
    attempt = story.answer.attempt
    facts |= {
        "attempt": None if attempt is None else str(attempt.attempt_id),
        "approval": None if story.answer.approval is None else str(story.answer.approval),
    }
    heals: list[dict[str, Cell]] = [
        {"at": each.created_at, "action": each.action, "result": each.status, "attempt": str(each.attempt_id)}
        for each in story.heals
    ]
    shown = [Section(name="heals", columns=("at", "action", "result", "attempt"), rows=heals)]
    if output == "json":
        points: list[dict[str, Cell]] = [
            {"at": each.at, "min": each.min, "max": each.max, "mean": each.mean} for each in story.series.points
        ]
        shown.append(Section(name="series", columns=("at", "min", "max", "mean"), rows=points))
    show(shown, output=output, facts=facts)
    if output != "json":
        sys.stdout.write("\n" + "\n".join(printable(line) for line in chart(story)) + "\n")


def record_row(record: RuleRecord, output: Output) -> dict[str, Cell]:
    """One line of the track record: figures for a program, words for a person."""
    precision, coverage = words.precision(record), words.coverage(record)
    row: dict[str, Cell] = {"rule": "all" if record.rule is None else record.rule.value}
    row |= {name: getattr(record, name) for name in _JUDGED}
    if output != "json":
        lead = None if record.lead is None else words.lasted(record.lead)
        shares = {"right": words.share(precision), "interval_held": words.share(coverage)}
        return row | shares | {"median_lead": lead}
    row |= {"predictions": record.predictions, "standing": record.standing}
    row |= {"intervals": record.intervals, "covered": record.covered}
    row |= {"median_lead_seconds": None if record.lead is None else record.lead.total_seconds()}
    for name, estimate in (("precision", precision), ("coverage", coverage)):
        row |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
    return row


def recall_facts(foreseen: Foreseen, output: Output) -> dict[str, Cell]:
    """How many breaches there were, and which share was foretold in time."""
    recall = words.recall(foreseen)
    share = recall.value if output == "json" else words.share(recall)
    return {"breaches": foreseen.breaches, "foretold_in_time": foreseen.foretold, "recall": share}


def _row(told: Prediction, output: Output) -> dict[str, Cell]:
    plain = output == "json"
    return {
        "prediction": str(told.id),
        "state": words.state_of(told),
        "rule": told.rule.value,
        "component": told.component,
        "metric": told.metric,
        "value": told.value if plain else words.figure(told.value, told.metric),
        "limit": told.threshold if plain else words.figure(told.threshold, told.metric),
        "raised_at": told.raised_at,
        "breach_at": told.breach_at,
        "low": told.low,
        "high": told.high,
        "ended_at": told.ended_at,
        "breached_at": told.breached_at,
        "settled_at": told.settled_at,
        "why": told.why,
    }

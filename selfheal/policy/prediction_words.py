"""Predictions in words: what was noticed, how it stands, what was done for it, and how far the rule can be believed."""

import math
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from selfheal.model.prediction import Outcome, Prediction
from selfheal.model.prediction_report import Answer, Foreseen, RuleRecord
from selfheal.model.rate import Estimate
from selfheal.model.trigger import TriggerType
from selfheal.policy.intervals import wilson

RULES: Mapping[TriggerType, str] = {
    TriggerType.BREACH_FORETOLD: "a limit will be reached",
    TriggerType.MEMORY_PRESSURE: "memory is high and stays so",
    TriggerType.RESPONSE_RISING: "answers become slower",
    TriggerType.ERRORS_SUSTAINED: "errors, hour after hour",
    TriggerType.STUCK_SOON: "a workflow nears its stage's limit",
}
"""What each rule notices."""
OUTCOMES: Mapping[Outcome, str] = {
    Outcome.HIT: "the breach came as foretold",
    Outcome.EARLY: "the breach came, much later than foretold",
    Outcome.MISS: "no breach came",
    Outcome.PREVENTED: "a heal brought it back, and no breach came",
    Outcome.UNKNOWN: "nobody can tell what came of it",
}
STANDS, ENDED = "STANDS", "ENDED"
OBSERVED = "nothing was asked for: in mode observe what is foretold is only shown"
EMPTY = (
    "Nothing was foretold yet. The mechanism predictive-health looks every 5 minutes at what was measured in the last "
    "7 days; a series has its first forecast after 3 hours, and a cautious one until it is a day old. In mode "
    "observe, with which prediction.preempt.mode begins, what is foretold is only shown, with what became of it."
)
"""How observe mode works, and when something can be expected."""
UNITS = {"_percent": " %", "_ms": " ms", "_mb": " MB", "_bytes": " B", "_seconds": " s", "_minutes": " min"}
_LETTERS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k"))
_HUGE, _TINY = 1e15, 1e-3
_HOUR = timedelta(hours=1)
_DAYS = timedelta(days=2)


def state_of(prediction: Prediction) -> str:
    """STANDS, ENDED (taken back or healed, and not settled yet), or its outcome."""
    if prediction.outcome is not None:
        return prediction.outcome.value
    return STANDS if prediction.stands else ENDED


def rule_words(rule: TriggerType) -> str:
    """What it notices."""
    return RULES.get(rule, rule.value.replace("_", " ").lower())


def headline(prediction: Prediction, now: datetime) -> str:
    """What is, or was, foretold, in half a sentence."""
    limit = figure(prediction.threshold, prediction.metric)
    if prediction.outcome is not None:
        return f"{prediction.metric}: {OUTCOMES[prediction.outcome]}"
    if prediction.breach_at is None:
        return f"{prediction.metric}: {rule_words(prediction.rule)} (limit {limit})"
    if not prediction.stands:
        return f"{prediction.metric} was to reach {limit}; taken back, not settled yet"
    left = prediction.breach_at - now
    if left <= timedelta(0):
        return f"{prediction.metric} was to reach {limit} {lasted(-left)} ago"
    return f"{prediction.metric} will reach {limit} in {lasted(left)}"


def done(answer: Answer) -> Iterator[str]:
    """What was done for it, one line each."""
    if answer.attempt is not None:
        line = answer.attempt
        yield f"{line.action}: {line.status.replace('_', ' ').lower()}{f'; {line.message}' if line.message else ''}"
    if answer.approval is not None:
        yield f"a person was asked; the question is {answer.approval_state.lower()}"
    if answer.planned:
        yield f"{answer.planned} was planned and not done (mode shadow)"
    if answer.decision and answer.attempt is None and answer.approval is None and not answer.planned:
        yield f"refused, {answer.decision.replace('_', ' ').lower()}: {answer.reason}"
    if answer == Answer():
        yield OBSERVED
    elif answer == Answer(raised_at=answer.raised_at):
        yield "its heal was raised, and waits for its turn"


def precision(record: RuleRecord) -> Estimate:
    """Which share was right of what can be judged: hits, among them and what came too soon, much later or not at all.

    What was prevented is not among them: nobody can tell whether it would have come.
    """
    return _share(record.hits, record.hits + record.late + record.early + record.misses)


def recall(foreseen: Foreseen) -> Estimate:
    """Which share of all breaches was foretold in time."""
    return _share(foreseen.foretold, foreseen.breaches)


def coverage(record: RuleRecord) -> Estimate:
    """Which share of the hits came within the interval that was told; 0.8 is what an interval promises."""
    return _share(record.covered, record.intervals)


def figure(value: float, metric: str) -> str:
    """A value with its unit, by the metric's name."""
    unit = next((unit for ending, unit in UNITS.items() if metric.endswith(ending)), "")
    return f"{number(value)}{unit}"


def number(value: float) -> str:
    """In three or four digits, however large."""
    size = abs(value)
    if not math.isfinite(value) or size >= _HUGE or 0 < size < _TINY:
        return f"{value:.3g}"
    for least, letter in _LETTERS:
        if size >= least:
            return f"{value / (least if letter != 'k' else 1e3):.3g}{letter}"
    return f"{value:.4g}"


def lasted(span: timedelta) -> str:
    """A time in whole minutes, hours or days."""
    minutes = max(0, round(span / timedelta(minutes=1)))
    if span < _HOUR:
        return f"{minutes} min"
    if span < _DAYS:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{span / timedelta(days=1):.0f} days"


def share(estimate: Estimate) -> str:
    """A share with its interval, as people read it."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return "-"
    return f"{estimate.value:.0%} ({estimate.low:.0%} to {estimate.high:.0%})"


def _share(part: int, of: int) -> Estimate:
    if of == 0:
        return Estimate(value=None, low=None, high=None)
    low, high = wilson(part, of)
    return Estimate(value=part / of, low=low, high=high)

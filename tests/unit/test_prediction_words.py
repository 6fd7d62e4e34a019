"""Predictions in words and figures, and which stretch of their metric is shown."""

from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from uuid6 import uuid7

from console import predictions as command
from selfheal.model.prediction import Outcome, Prediction
from selfheal.model.prediction_report import Answer, Point, RuleRecord
from selfheal.model.trigger import PREEMPTIVE, TriggerType
from selfheal.policy import prediction_words as words
from selfheal.policy.prediction_series import MOST, STRETCH, by_hour, span_of, stretch_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def prediction(**changes: Any) -> Prediction:
    told = {
        "rule": TriggerType.BREACH_FORETOLD,
        "component": "backend",
        "metric": "memory_percent",
        "value": 84.0,
        "threshold": 95.0,
        "raised_at": NOW - 30 * MINUTE,
        "breach_at": NOW + 70 * MINUTE,
        "low": NOW + 40 * MINUTE,
        "high": NOW + 120 * MINUTE,
        "why": "4 of 5 lines agree",
    }
    return Prediction(id=uuid7(), **told | changes)


def test_a_long_time_is_shown_coarsely() -> None:
    """A prediction that stands for weeks has no more points than one that stands for an hour."""
    for hours in (1, 16, 17, 500, 9000):
        since, until = span_of(prediction(raised_at=NOW - timedelta(hours=hours)), NOW)
        stretch = stretch_of(since, until)
        assert (until - since) / stretch <= MOST
        assert stretch % STRETCH == timedelta(0)
    assert stretch_of(NOW, NOW - MINUTE) == STRETCH


def test_hours_are_told_for_a_table() -> None:
    """Least, greatest and mean of each hour in which something was measured."""
    points = [Point(at=NOW + n * STRETCH, min=n, max=n + 1, mean=n) for n in (0, 1, 13)]
    found = [(one.at.hour, one.min, one.max, one.mean) for one in by_hour(points)]
    assert found == [(12, 0, 2, 0.5), (13, 13, 14, 13)]
    assert by_hour([]) == []


@pytest.mark.parametrize(
    ("value", "metric", "told"),
    [
        (95, "memory_percent", "95 %"),
        (1234.5, "response_time_ms", "1234 ms"),
        (12345, "queue_depth", "12.3k"),
        (-2.5e6, "rss_bytes", "-2.5M B"),
        (1e300, "x", "1e+300"),
        (0.0000123, "x", "1.23e-05"),
        (0, "x", "0"),
        (float("nan"), "x", "nan"),
    ],
)
def test_figures(value: float, metric: str, told: str) -> None:
    """A few digits and the unit that the metric's name has."""
    assert words.figure(value, metric) == told


def test_every_rule_and_state_has_words() -> None:
    """None of them is told by its name in capitals, and the command line knows them all."""
    assert set(words.RULES) == PREEMPTIVE
    assert set(words.OUTCOMES) == set(Outcome)
    assert set(get_args(command.Rule)) == PREEMPTIVE
    assert set(get_args(command.Kind)) == set(Outcome)
    states = [prediction(), prediction(ended_at=NOW), prediction(outcome=Outcome.MISS, settled_at=NOW)]
    assert [words.state_of(one) for one in states] == ["STANDS", "ENDED", "MISS"]
    late = prediction(breach_at=NOW - 12 * MINUTE)
    told = [words.headline(one, NOW) for one in (*states, late, prediction(breach_at=None))]
    assert told == [
        "memory_percent will reach 95 % in 1 h 10 min",
        "memory_percent was to reach 95 %; taken back, not settled yet",
        "memory_percent: no breach came",
        "memory_percent was to reach 95 % 12 min ago",
        "memory_percent: a limit will be reached (limit 95 %)",
    ]


def test_the_track_record_is_judged_without_what_was_prevented() -> None:
    """Hits of hits, early ones and misses, with Wilson's interval; nothing to judge is no share."""
    record = RuleRecord(
        rule=None, predictions=20, hits=8, late=0, early=1, misses=1, prevented=7, unknown=0, unsettled=3, standing=2,
        lead=timedelta(minutes=90), intervals=8, covered=6,
    )  # fmt: skip
    assert words.share(words.precision(record)) == "80% (49% to 94%)"
    assert words.coverage(record).value == 0.75
    nothing = RuleRecord(
        rule=None, predictions=7, hits=0, late=0, early=0, misses=0, prevented=7, unknown=0, unsettled=0, standing=0,
        lead=None, intervals=0, covered=0,
    )  # fmt: skip
    assert words.share(words.precision(nothing)) == "-"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer(), words.OBSERVED),
        (Answer(raised_at=NOW), "its heal was raised, and waits for its turn"),
        (Answer(decision="BLAST_RADIUS", reason="3 at once"), "refused, blast radius: 3 at once"),
        (
            Answer(decision="AWAITING_APPROVAL", approval=uuid7(), approval_state="OPEN"),
            "a person was asked; the question is open",
        ),
        (
            Answer(decision="NOT_ALLOWED", planned="collect-garbage"),
            "collect-garbage was planned and not done (mode shadow)",
        ),
    ],
)
def test_what_was_done_is_told(answer: Answer, told: str) -> None:
    """One line, by what the trigger came to."""
    assert list(words.done(answer)) == [told]

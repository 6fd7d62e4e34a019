"""Predictions as people read them: by the store and the command line, on a real Postgres."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from admission_desk import Desk
from foretold import Foretold, H, M, foretell, foretold, leak, measure
from person_fixtures import ACME
from sqlalchemy import Engine, text
from test_token_command import run  # noqa: F401 - pytest finds fixtures by import

from console import cli
from selfheal.model.identity import Identity, Role
from selfheal.model.page import Slice
from selfheal.model.prediction import Outcome
from selfheal.model.prediction_report import PredictionFilter
from selfheal.model.trigger import TriggerType
from selfheal.policy.intervals import wilson
from selfheal.policy.prediction_words import EMPTY
from selfheal.store.engine import seen_by
from selfheal.store.reading.predictions import PredictionReports

Run = Callable[..., tuple[int, Any]]


@pytest.fixture
def told(desk: Callable[..., Desk]) -> Foretold:
    """A few days of predictions."""
    return foretold(desk())


# -- the store


def test_what_stands_is_told_by_urgency(empty: Engine) -> None:
    """The next breach first, one without a time last; what was taken back or settled does not stand."""
    later = foretell(empty, "a", breach_at=datetime.now(UTC) + 2 * H)
    soon = foretell(empty, "b", breach_at=datetime.now(UTC) + 5 * M)
    never = foretell(empty, "c", ago=9 * H, breach_at=None)
    overdue = foretell(empty, "d", breach_at=datetime.now(UTC) - 5 * M)
    foretell(empty, "e", ended_at=datetime.now(UTC))
    foretell(empty, "f", outcome="MISS", ago=9 * H)
    read = PredictionReports(empty)
    assert [one.id for one in read.standing(limit=9)] == [overdue, soon, later, never]
    assert len(read.standing(limit=2)) == 2
    glance = read.glance()
    assert (glance.standing, glance.hits, glance.told) == (4, 0, 1)
    assert glance.next is not None
    assert glance.next.id == overdue


def test_they_are_filtered_and_paged(empty: Engine) -> None:
    """By component, rule, outcome and whether they are settled; page by page each comes once, the newest first."""
    for n in range(7):
        foretell(empty, f"c{n % 2}", ago=n * H + 8 * H, outcome=("HIT", "MISS")[n % 2])
    foretell(empty, "c0", ago=5 * M, rule="MEMORY_PRESSURE")
    read = PredictionReports(empty)
    counted = {
        len(read.page(Slice(limit=50), only).items): only
        for only in (
            PredictionFilter(),
            PredictionFilter(component="c1"),
            PredictionFilter(open=True),
            PredictionFilter(open=False),
            PredictionFilter(outcome=Outcome.HIT, component="c1"),
            PredictionFilter(component="c0", outcome=Outcome.HIT),
        )
    }
    assert sorted(counted) == [0, 1, 3, 4, 7, 8]
    (pressure,) = read.page(Slice(limit=50), PredictionFilter(rule=TriggerType.MEMORY_PRESSURE)).items
    assert (pressure.component, pressure.stands) == ("c0", True)
    seen, wanted = [], Slice(limit=3)
    while True:
        page = read.page(wanted)
        seen += [one.raised_at for one in page.items]
        if page.older is None:
            break
        wanted = Slice(limit=3, older_than=page.older)
    assert len(seen) == 8
    assert seen == sorted(seen, reverse=True)


def test_one_comes_with_its_series_and_what_was_done(told: Foretold, owner_engine: Engine) -> None:
    """A day before the alarm until now; the heal that was admitted for it, or why it was refused."""
    read = PredictionReports(owner_engine)
    stands = read.story(told.stands)
    assert stands is not None
    points = stands.series.points
    assert len(points) > 280
    assert points[0].at >= stands.prediction.raised_at - 24 * H
    assert all(one.min < one.mean < one.max for one in points)
    assert points == sorted(points, key=lambda one: one.at)
    prevented = read.story(told.prevented)
    assert prevented is not None
    assert prevented.answer.decision == "ADMITTED"
    assert prevented.answer.attempt is not None
    assert [one.attempt_id for one in prevented.heals] == [prevented.answer.attempt.attempt_id]
    refused = read.story(told.refused)
    assert refused is not None
    assert (refused.answer.decision, refused.answer.attempt) == ("NOT_ALLOWED", None)
    assert read.story(uuid4()) is None


def test_a_settled_one_ends_two_hours_later(empty: Engine) -> None:
    """What was measured later belongs to another day."""
    measure(empty, "backend", "memory_percent", leak, since=30 * H)
    hit = foretell(empty, ago=20 * H, outcome="HIT", settled_at=datetime.now(UTC) - 15 * H)
    story = PredictionReports(empty).story(hit)
    assert story is not None
    assert story.series.points[-1].at <= datetime.now(UTC) - 13 * H
    assert story.series.until - story.series.since == pytest.approx(31 * H, abs=M)


def test_the_record_counts_by_rule_and_for_all(empty: Engine) -> None:
    """Hits, early, misses, prevented, unsettled; median lead and intervals of the hits; older ones do not count."""
    now = datetime.now(UTC)
    for hours, lead in ((30, 20 * M), (31, 90 * M), (32, 100 * M)):
        foretell(empty, ago=hours * H, outcome="HIT", breached_at=now - hours * H + lead)
    foretell(empty, ago=40 * H, outcome="HIT", breached_at=now - 40 * H + 85 * M, low_at=None, high_at=None)
    foretell(empty, ago=50 * H, outcome="EARLY", breached_at=now - 40 * H)
    foretell(empty, ago=60 * H, outcome="MISS")
    foretell(empty, ago=70 * H, outcome="PREVENTED")
    foretell(empty, "x", ago=10 * M, rule="STUCK_SOON", breach_at=None)
    foretell(empty, "x", ago=3 * H, rule="STUCK_SOON", ended_at=now)
    foretell(empty, ago=31 * 24 * H, outcome="MISS")
    read = PredictionReports(empty)
    whole, limit, stuck = read.record(within=timedelta(days=30))
    assert (whole.rule, limit.rule, stuck.rule) == (None, TriggerType.BREACH_FORETOLD, TriggerType.STUCK_SOON)
    assert (limit.predictions, limit.hits, limit.early, limit.misses, limit.prevented) == (7, 4, 1, 1, 1)
    assert limit.lead == pytest.approx(87.5 * M, abs=M)
    assert (limit.intervals, limit.covered) == (3, 2)
    assert (stuck.unsettled, stuck.standing, stuck.lead) == (2, 1, None)
    assert (whole.predictions, whole.unsettled) == (9, 2)
    assert read.record(within=None)[0].misses == 2
    with empty.begin() as connection:
        spans = dict(
            connection.execute(text("SELECT span, predictions FROM prediction_records WHERE rule IS NULL")).all()
        )
    assert spans == {"24 h": 2, "7 d": 9, "30 d": 9, "ever": 10}


def test_of_nothing_there_is_a_record_of_nothing(empty: Engine) -> None:
    """One line of noughts, an empty page, a glance at nothing."""
    read = PredictionReports(empty)
    (whole,) = read.record(within=timedelta(days=30))
    assert (whole.predictions, whole.hits, whole.lead) == (0, 0, None)
    assert read.page(Slice(limit=5)).items == []
    assert read.glance().next is None


def test_a_tenant_sees_none(told: Foretold, api_engine: Engine) -> None:
    """Neither rows, nor one by its id, nor their sum."""
    read = PredictionReports(api_engine)
    with seen_by(api_engine, Identity(name="ours", role=Role.VIEWER)):
        assert read.record(within=None)[0].predictions == 5
    with seen_by(api_engine, Identity(name="theirs", role=Role.ADMIN, tenant=ACME)):
        assert read.page(Slice(limit=5)).items == []
        assert read.standing(limit=5) == []
        assert read.story(told.stands) is None
        assert read.record(within=None)[0].predictions == 0
        assert read.glance().standing == 0


# -- the command line


def test_the_command_lists_what_stands_and_the_rest(run: Run, told: Foretold) -> None:  # noqa: F811 - the fixture
    """What stands first, then the newest; filtered by component, rule, outcome; each with its times and limit."""
    code, found = run("predictions")
    assert code == 0
    assert [one["prediction"] for one in found["standing"]] == [str(told.stands), str(told.refused)]
    assert len(found["predictions"]) == 5
    one = next(each for each in found["predictions"] if each["prediction"] == str(told.hit))
    assert (one["state"], one["limit"], one["component"]) == ("HIT", 95.0, "frontend")
    for words, expected in (
        (("--open",), 2),
        (("--rule", "RESPONSE_RISING"), 1),
        (("--outcome", "MISS"), 1),
        (("--component", "nobody"), 0),
        (("--limit", "3"), 3),
    ):
        assert len(run("predictions", *words)[1]["predictions"]) == expected, words


def test_nothing_foretold_yet_is_explained(run: Run) -> None:  # noqa: F811 - the same
    """How observe mode works, and when the first can be expected."""
    code, found = run("predictions")
    assert (code, found["note"], found["predictions"]) == (0, EMPTY, [])
    assert run("predictions", "--component", "x")[1]["note"] == "no prediction is like that"
    code, found = run("predictions", "record")
    assert (code, found["record"], found["note"]) == (0, [], "nothing was foretold in 30 days")


def test_one_is_shown_with_its_chart(run: Run, told: Foretold, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: F811
    """As numbers for a program; for a person with the history, the limit, the alarm and what was foretold."""
    code, found = run("predictions", "show", str(told.prevented))
    assert (code, found["state"], found["done"]) == (0, "PREVENTED", "restart-service: success; healed")
    assert len(found["series"]) > 280
    assert found["heals"][0]["attempt"] == found["attempt"]
    assert cli.main(["predictions", "show", str(told.stands)]) == 0
    shown = capsys.readouterr().out
    assert shown.isascii()
    lines = shown.splitlines()[-16:]
    assert "*" in lines[1]
    assert re.search(r"A~*-*~*F~*", lines[12])
    assert any("-------" in line for line in lines[:12])
    code, wrong = run("predictions", "show", str(uuid4()))
    assert (code, "`selfheal predictions` lists them" in wrong) == (2, True)


@pytest.mark.usefixtures("told")
def test_the_command_tells_the_record(run: Run, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: F811
    """Of all and of each rule, with intervals; in words for a person."""
    code, found = run("predictions", "record", "--days", "7")
    assert code == 0
    whole = found["record"][0]
    low, high = wilson(1, 2)
    assert (whole["rule"], whole["precision"], whole["hits"], whole["prevented"]) == ("all", 0.5, 1, 1)
    assert (whole["precision_low"], whole["precision_high"]) == (pytest.approx(low), pytest.approx(high))
    assert whole["median_lead_seconds"] == pytest.approx(1.8 * 3600, abs=1)
    assert [one["rule"] for one in found["record"]] == ["all", "BREACH_FORETOLD", "RESPONSE_RISING"]
    assert cli.main(["predictions", "record"]) == 0
    assert "50% (9% to 91%)" in capsys.readouterr().out

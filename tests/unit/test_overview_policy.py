"""The verdict's sentence, who watches, and the order of a fault's events."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from selfheal.model.health import ComponentHealth, HealthStatus, Watch
from selfheal.model.overview import Counts, Level, Standing
from selfheal.model.pause import Pause
from selfheal.model.report import FaultLine, RefusalLine
from selfheal.model.storm import Storm
from selfheal.model.story import EventKind, FaultStory
from selfheal.policy.overview import verdict
from selfheal.policy.timeline import events_of
from selfheal.policy.watching import Watching, blind, status_now, watching

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SWEEP = timedelta(seconds=5)
UP, DOWN, UNKNOWN = HealthStatus.OPERATIONAL, HealthStatus.DOWN, HealthStatus.UNKNOWN
STORM = "A storm in the estate: heals wait until it is quiet, or for a person's go."
BLIND = "Nobody watches: application-health has not looked for half a minute or longer."
PAUSED = Pause(who="anna", why="the network is being moved", since=NOW, until=None)


def watch(behind_s: float = 2.0) -> Watch:
    return Watch(mechanism="application-health", run_id=uuid4(), began_at=NOW, beat_at=NOW, behind_s=behind_s)


def storm(go_by: str = "") -> Storm:
    return Storm(group="", began_at=NOW, quiet_at=NOW, sick=12, go_by=go_by)


def standing(
    *, paused: Pause | None = None, storms: tuple[Storm, ...] = (), behind_s: float = 2.0, **counts: int
) -> Standing:
    zero = dict.fromkeys(("sick", "healing", "needs_person", "approvals", "alerts", "missed_starts", "actions"), 0)
    found = Counts(at=NOW, **zero | counts)
    return Standing(counts=found, paused=paused, storms=storms, watches=[watch(behind_s)])


@pytest.mark.parametrize(
    ("now", "health", "level", "words"),
    [
        (standing(), [UP] * 12, Level.WELL, "All is well: 12 components watched, no fault open."),
        (standing(), [UP, UNKNOWN], Level.BUSY, "No fault is open; of 1 component nobody knows the health."),
        (standing(), [DOWN, DOWN], Level.BUSY, "No fault is open, but 2 components look unwell."),
        (standing(sick=1, healing=1), [DOWN], Level.BUSY, "1 component is sick: 1 being healed."),
        (standing(sick=2), [DOWN], Level.BUSY, "2 components are sick, and none is being healed yet."),
        (
            standing(sick=4, healing=2, needs_person=1),
            [DOWN],
            Level.BAD,
            "4 components are sick: 2 being healed, 1 needs a person.",
        ),
        (
            standing(approvals=2),
            [UP],
            Level.BUSY,
            "All is well: 1 component watched, no fault open. 2 questions wait for an answer.",
        ),
        (
            standing(paused=PAUSED),
            [UP],
            Level.HELD,
            "Healing is paused by anna. All is well: 1 component watched, no fault open.",
        ),
        (
            standing(storms=(storm(),), sick=12),
            [DOWN],
            Level.HELD,
            STORM + " 12 components are sick, and none is being healed yet.",
        ),
        (
            standing(storms=(storm("anna"),), sick=1, healing=1),
            [DOWN],
            Level.BUSY,
            "1 component is sick: 1 being healed.",
        ),
        (
            standing(behind_s=31.0, paused=PAUSED),
            [UP],
            Level.BAD,
            BLIND + " Healing is paused by anna. All is well: 1 component watched, no fault open.",
        ),
    ],
)
def test_the_verdict_is_one_plain_sentence(now: Standing, health: list[HealthStatus], level: Level, words: str) -> None:
    """What makes the rest worth less comes first; the worst of it gives the level."""
    found = verdict(now, health)
    assert (found.words, found.level) == (words, level)


def test_who_is_missing_or_late_does_not_watch() -> None:
    """An expected watcher that never began is blind as one that stopped."""
    assert blind([]) == ["application-health"]
    assert blind([watch(31.0)]) == ["application-health"]
    assert blind([watch()]) == []
    assert blind([watch()], logs=True) == ["log-monitor"], "the settings name logs that nobody ever followed"
    assert [watching(one) for one in (None, watch(31.0), watch())] == list(Watching)[::-1]


def test_an_old_row_says_nothing() -> None:
    """A component's status is UNKNOWN once its newest row is older than four sweeps and than half a minute."""
    seen = ComponentHealth(component="a", status=UP, response_ms=1, detail="", checked_at=NOW)
    assert status_now(seen, now=NOW + timedelta(seconds=30), sweep=SWEEP) is UP
    assert status_now(seen, now=NOW + timedelta(seconds=31), sweep=SWEEP) is UNKNOWN
    assert status_now(seen, now=NOW + timedelta(seconds=31), sweep=2 * SWEEP) is UP
    assert status_now(None, now=NOW, sweep=SWEEP) is UNKNOWN


def test_events_are_in_the_order_of_time_and_then_of_a_faults_course() -> None:
    """At one moment a fault is detected before it is refused; refusals are one event with their number.

    That a person is awaited is no event of its own: the question is.
    """
    fault = FaultLine(
        id=uuid4(),
        component="backend",
        group="",
        trigger_type="SERVICE_DOWN",
        priority="HIGH",
        detected_at=NOW,
        verified_at=NOW + SWEEP,
        closed_at=NOW + SWEEP,
        resolution="RECOVERED",
        attempts=0,
        needs_person=None,
        start_missed_at=NOW + timedelta(seconds=1),
        rests_until=None,
    )
    refusal = RefusalLine(
        component="backend",
        decision="PAUSED",
        reason="paused by anna",
        source="watcher",
        occurrences=3,
        first_at=NOW,
        last_at=NOW + timedelta(seconds=2),
    )
    awaited = replace(refusal, decision="AWAITING_APPROVAL")
    events = events_of(FaultStory(fault=fault, attempts=(), refusals=(refusal, awaited), questions=()))
    kinds = [EventKind.DETECTED, EventKind.REFUSED, EventKind.MISSED, EventKind.CLOSED]
    assert [one.kind for one in events] == kinds
    assert (events[1].times, events[1].last_at) == (3, refusal.last_at)
    assert events[3].words == "it recovered by itself, 5.0 s after it was detected"

"""What is done before anything is sick: which remedy fits, when it gives way, and whether it has helped."""

from dataclasses import replace
from typing import Any

import pytest
from fakes import NOON
from hypothesis import given
from hypothesis import strategies as st
from uuid6 import uuid7

from selfheal.model.admission import Decision
from selfheal.model.component import Component, ProbeKind
from selfheal.model.observation import Health, Incarnation, Observation
from selfheal.model.trigger import PREEMPTIVE, ForetoldMetric, Priority, Source, Trigger, TriggerType
from selfheal.policy.preempting import (
    as_measured,
    bound_of,
    of_memory,
    of_response,
    refuse_foretold,
    refuse_unfounded,
    taken_calmly,
)

WEB = Component(name="web", target="docker/web", probe=ProbeKind.HTTP, docker="docker", container="web")
BREACH = TriggerType.BREACH_FORETOLD


def told(metric: str = "memory_percent", *, value: float = 91, well_below: float = 85) -> ForetoldMetric:
    return ForetoldMetric(id=uuid7(), metric=metric, value=value, well_below=well_below)


def a_trigger(kind: TriggerType, foretold: ForetoldMetric | None = None, **more: Any) -> Trigger:
    values: dict[str, Any] = {"priority": Priority.MEDIUM} | more
    return Trigger(
        id=uuid7(),
        type=kind,
        component="web",
        source=Source.PREDICTIVE_HEALTH,
        reason="it will",
        detected_at=NOON,
        foretold=foretold,
        **values,
    )


def seen(health: Health, state: str = "RUNNING") -> Observation:
    life = Incarnation(pid=1 if state == "RUNNING" else 0, started_at=1, state=state, id="c")
    return Observation(component="web", health=health, detail="looked", observed_at=NOON, incarnation=life)


@pytest.mark.parametrize(
    ("kind", "metric", "memory", "response"),
    [
        (TriggerType.MEMORY_PRESSURE, "memory_percent", True, False),
        (BREACH, "memory_percent", True, False),
        (BREACH, "memory_bytes", True, False),
        (BREACH, "response_time_ms", False, True),
        (TriggerType.RESPONSE_RISING, "response_time_ms", False, True),
        (BREACH, "disk_percent", False, False),
        (BREACH, "queue_depth", False, False),
        (TriggerType.ERRORS_SUSTAINED, "errors", False, False),
        (TriggerType.STUCK_SOON, "stuck", False, False),
        (TriggerType.MEMORY_HIGH, "memory_percent", False, False),
    ],
)
def test_what_is_foretold_decides_what_may_help(
    kind: TriggerType, metric: str, *, memory: bool, response: bool
) -> None:
    """Memory is given back, slow answers are cleared or restarted; all else is a person's."""
    trigger = a_trigger(kind, told(metric))
    assert (of_memory(trigger), of_response(trigger)) == (memory, response)


@pytest.mark.parametrize("kind", sorted(PREEMPTIVE))
def test_it_is_never_critical_and_never_without_a_prediction(kind: TriggerType) -> None:
    """Whoever raises it, and however urgent they say it is."""
    urgent = a_trigger(kind, told(), priority=Priority.CRITICAL)
    assert taken_calmly(urgent).priority is Priority.HIGH
    assert refuse_unfounded(urgent) is None
    refused = refuse_unfounded(replace(urgent, foretold=None))
    assert refused is not None
    assert refused.decision is Decision.ALREADY_HEALTHY


def test_what_is_sick_stays_as_urgent_as_it_is() -> None:
    """Only what is pre-emptive is taken calmly, or must be foretold."""
    down = a_trigger(TriggerType.CONTAINER_DOWN, priority=Priority.CRITICAL)
    assert taken_calmly(down) is down
    assert refuse_unfounded(down) is None
    assert refuse_foretold(down, WEB, seen(Health.SICK), {"web": WEB}) is None


@pytest.mark.parametrize(
    ("looks", "decision", "words"),
    [
        (seen(Health.SICK), Decision.ALREADY_HEALING, "sick by now"),
        (seen(Health.SICK, "EXITED"), Decision.ALREADY_HEALING, "sick by now"),
        (seen(Health.SICK, "STOPPED"), Decision.NOT_ALLOWED, "stopped on request"),
        (seen(Health.SICK, "RESTARTING"), Decision.ALREADY_HEALING, "restarting"),
        (seen(Health.UNKNOWN), Decision.NOT_ALLOWED, "nobody can tell"),
    ],
)
def test_it_gives_way_to_what_is_seen(looks: Observation, decision: Decision, words: str) -> None:
    """Only what is healthy is healed ahead of time; why not is said by name and in words."""
    trigger = a_trigger(TriggerType.MEMORY_PRESSURE, told())
    refusal = refuse_foretold(trigger, WEB, looks, {"web": WEB})
    assert refusal is not None
    assert (refusal.decision, words in refusal.reason) == (decision, True)
    assert refuse_foretold(trigger, WEB, seen(Health.HEALTHY), {"web": WEB}) is None
    assert refuse_foretold(trigger, WEB, None, {"web": WEB}) is None


def test_a_part_is_left_to_its_whole() -> None:
    """Nothing within a dead container is healed ahead of time."""
    part, whole = replace(WEB, name="heap", probe=ProbeKind.MEMORY), replace(WEB, ladder=("restart-container",))
    trigger = a_trigger(TriggerType.MEMORY_PRESSURE, told())
    refusal = refuse_foretold(trigger, part, seen(Health.SICK, "EXITED"), {"web": whole, "heap": part})
    assert refusal is not None
    assert "left to 'web'" in refusal.reason


def test_below_what_it_must_come() -> None:
    """What the prediction says, of what a look can measure."""
    assert bound_of(told(well_below=85)) == 85
    assert bound_of(told("response_time_ms", value=300, well_below=240)) == 240
    assert bound_of(told("disk_percent")) is None


@given(st.floats(0, 200), st.floats(0, 200))
def test_only_a_measured_value_below_its_bound_has_helped(bound: float, measured: float) -> None:
    """A healthy look without it could not tell; one that is not below is short of what was wanted."""
    well = seen(Health.HEALTHY)
    judged = as_measured(well, told(), bound=bound, measured=measured)
    assert judged.health is Health.HEALTHY
    assert bool(judged.short_of) is (measured >= bound)
    assert as_measured(well, told(), bound=bound, measured=None).health is Health.UNKNOWN
    sick = seen(Health.SICK)
    assert as_measured(sick, told(), bound=bound, measured=0) is sick

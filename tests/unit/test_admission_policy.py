"""What is refused at the door."""

from dataclasses import replace

import pytest
from fakes import NOON
from hypothesis import given
from hypothesis import strategies as st
from uuid6 import uuid7

from selfheal.model.admission import Decision
from selfheal.model.component import Component, ProbeKind
from selfheal.model.observation import Health, Observation
from selfheal.model.trigger import Priority, Source, Trigger, TriggerType
from selfheal.policy.admission import LONGEST_REASON, refuse_healthy, refuse_size, refuse_target

BACKEND = Component(name="backend", target="supervisor/demo/backend", probe=ProbeKind.HTTP, ladder=("restart-service",))
ESTATE = {"backend": BACKEND, "frontend": replace(BACKEND, name="frontend")}
ALLOW = frozenset({"backend"})
TRIGGER = Trigger(
    id=uuid7(),
    type=TriggerType.MANUAL,
    component="backend",
    source=Source.PERSON,
    priority=Priority.HIGH,
    reason="",
    detected_at=NOON,
)


@given(st.text())
def test_only_what_is_known_and_allowed_comes_in(name: str) -> None:
    """Whatever is asked for, nothing but the allow-listed names is let through, and a refusal is short."""
    refusal = refuse_target(name, ESTATE, ALLOW)
    assert (refusal is None) == (name in ALLOW)
    assert refusal is None or (refusal.decision is Decision.NOT_ALLOWED and len(refusal.reason) < 1000)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "the target is empty; name a component"),
        ("backen", "no component is named 'backen'; did you mean 'backend'?"),
        ("frontend", "'frontend' is not on the allow-list; add it to healing.allow"),
        ("../backend", "no component is named '../backend'; did you mean 'backend'?"),
        ("*", "no component is named '*'; known: backend, frontend"),
        ("back\x00end", "no component is named 'back\\x00end'; did you mean 'backend'?"),
        ("Backend", "no component is named 'Backend'; did you mean 'backend'?"),
    ],
)
def test_a_refused_target_is_told_why(name: str, said: str) -> None:
    """Empty, unknown with the nearest name, or known and not allowed."""
    refusal = refuse_target(name, ESTATE, ALLOW)
    assert refusal is not None
    assert refusal.reason == said


def test_an_empty_allow_list_lets_nothing_in() -> None:
    """The default heals nothing."""
    assert all(refuse_target(name, ESTATE, frozenset()) is not None for name in ESTATE)


def test_an_allowed_name_that_is_no_component_stays_out() -> None:
    """The allow-list alone makes nothing known."""
    assert refuse_target("ghost", ESTATE, frozenset({"ghost"})) is not None


@pytest.mark.parametrize("field", ["reason", "component", "action"])
def test_an_oversized_trigger_is_refused_whichever_field_is_large(field: str) -> None:
    """At the limit it is taken, one character above it is not, and the refusal does not repeat it."""
    rest = len(TRIGGER.component) if field != "component" else 0
    fits = replace(TRIGGER, **{field: "x" * (LONGEST_REASON - rest)})
    assert refuse_size(fits) is None
    refusal = refuse_size(replace(TRIGGER, **{field: "x" * (LONGEST_REASON - rest + 1)}))
    assert refusal is not None
    assert refusal.decision is Decision.NOT_ALLOWED
    assert len(refusal.reason) < 200


@pytest.mark.parametrize("health", list(Health))
def test_only_a_healthy_component_is_refused_as_healthy(health: Health) -> None:
    """Sick and unknown are no reason to refuse; nor is health, where the reason is an open breaker."""
    seen = Observation(component="backend", health=health, detail="200", observed_at=NOON)
    assert refuse_healthy(seen, TriggerType.BREAKER_OPENED) is None
    refusal = refuse_healthy(seen, TriggerType.SERVICE_DOWN)
    assert (refusal is not None) == (health is Health.HEALTHY)
    assert refusal is None or refusal.decision is Decision.ALREADY_HEALTHY

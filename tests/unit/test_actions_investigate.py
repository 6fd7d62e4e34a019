"""investigate: evidence, no act, and a person."""

import json

import pytest
from fakes import NOON, FakeClock, FakeControl, always
from uuid6 import uuid7

from selfheal.actions.evidence import LIMIT
from selfheal.actions.investigate import Investigate
from selfheal.model.component import Component, ProbeKind
from selfheal.model.errors import ForAPerson, Transient
from selfheal.model.observation import Health
from selfheal.model.trigger import Priority, Source, Trigger, TriggerType

SERVICE = Component(
    name="backend", target="supervisor/main/backend", probe=ProbeKind.PROCESS, supervisor="main", program="backend"
)
FILE = Component(name="file", target="path//srv/FILE", probe=ProbeKind.PATH, path="/srv/FILE")


def action(control: FakeControl | None = None) -> Investigate:
    controls = {} if control is None else {"main": control}
    return Investigate(containers={}, controls=controls, observe=always(Health.SICK), clock=FakeClock())


def test_it_keeps_what_is_known_and_touches_nothing() -> None:
    """The state, the last log lines without their secrets, all within the limit."""
    control = FakeControl(backend="RUNNING")
    control.log = "x" * 100_000 + "\npassword=hunter22\nspawn git ENOENT\n"
    plan = action(control).prepare(SERVICE)
    assert plan.evidence["state"] == "RUNNING"
    assert plan.evidence["log"].endswith("spawn git ENOENT\n")
    assert "hunter22" not in json.dumps(plan.evidence)
    assert len(json.dumps(plan.evidence)) < LIMIT
    assert (plan.rollback, control.calls) == (None, [])


def test_its_act_is_a_person() -> None:
    """With what was seen; nothing is called."""
    control = FakeControl(backend="RUNNING")
    one = action(control)
    with pytest.raises(ForAPerson, match="investigated backend: SICK"):
        one.commit(SERVICE, one.prepare(SERVICE))
    assert control.calls == []
    assert "nothing" in one.rollback(SERVICE, one.prepare(SERVICE))


def test_a_keeper_that_is_away_does_not_keep_the_person_away() -> None:
    """What cannot be had is told."""
    control = FakeControl(backend="RUNNING")
    control.away = Transient("supervisord is away")
    assert "supervisord is away" in action(control).prepare(SERVICE).evidence["keeper"]
    assert "keeper" not in action().prepare(FILE).evidence


def test_it_fits_every_thing_for_every_reason() -> None:
    """Workflows have ways of their own, but for what may soon be stuck."""
    for kind in TriggerType:
        trigger = Trigger(
            id=uuid7(),
            type=kind,
            component="backend",
            source=Source.LOG_MONITOR,
            priority=Priority.LOW,
            reason="",
            detected_at=NOON,
        )
        assert action().can_handle(trigger, SERVICE)
        workflow = Component(name="w", target="workflow/w", probe=ProbeKind.WORKFLOW)
        assert action().can_handle(trigger, workflow) is (kind is TriggerType.STUCK_SOON)

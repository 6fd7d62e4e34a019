"""A trigger that only suggests: what is seen at the component decides what becomes of it."""

from dataclasses import replace

import pytest
from fakes import NOON
from uuid6 import uuid7

from selfheal.model.admission import Decision
from selfheal.model.component import Component, ProbeKind
from selfheal.model.observation import Health, Incarnation, Observation
from selfheal.model.trigger import SUSPICIONS, Priority, Source, Trigger, TriggerType
from selfheal.policy.suspicion import as_seen, refuse_suspicion

WEB = Component(name="web", target="docker/web", probe=ProbeKind.CONTAINER, docker="docker", container="web")


def suspected(kind: TriggerType) -> Trigger:
    return Trigger(
        id=uuid7(),
        type=kind,
        component="web",
        source=Source.LOG_MONITOR,
        priority=Priority.MEDIUM,
        reason="a log says so",
        detected_at=NOON,
    )


def seen(health: Health, state: str = "RUNNING") -> Observation:
    life = Incarnation(pid=1, started_at=1, state=state)
    return Observation(component="web", health=health, detail="it is so", observed_at=NOON, incarnation=life)


@pytest.mark.parametrize("kind", sorted(SUSPICIONS))
@pytest.mark.parametrize(
    ("looks", "said"),
    [
        (seen(Health.UNKNOWN), "nobody can tell"),
        (seen(Health.SICK, "STOPPED"), "stopped on request"),
        (seen(Health.SICK, "RESTARTING"), "by itself"),
        (seen(Health.SICK, "CRASH_LOOP"), "by itself"),
        (seen(Health.SICK, "EXITED"), ""),
        (seen(Health.SICK), ""),
        (seen(Health.HEALTHY), ""),
    ],
)
def test_a_suggestion_alone_moves_nothing(kind: TriggerType, looks: Observation, said: str) -> None:
    """What is unknown, stopped by a person or restarted by its platform is left alone."""
    refusal = refuse_suspicion(suspected(kind), WEB, looks, {"web": WEB})
    assert bool(refusal) is bool(said)
    if refusal is not None:
        assert refusal.decision is (Decision.ALREADY_HEALING if said == "by itself" else Decision.NOT_ALLOWED)
        assert said in refusal.reason
    for own in (TriggerType.CONTAINER_DOWN, TriggerType.MANUAL):
        assert refuse_suspicion(suspected(own), WEB, looks, {"web": WEB}) is None


def test_what_its_keeper_says_outweighs_the_suggestion() -> None:
    """A loop and a container that is gone are no case for a restart, whatever a log says."""
    suspicion = suspected(TriggerType.LOG_ERROR)
    loop = as_seen(suspicion, WEB, seen(Health.SICK, "CRASH_LOOP"))
    assert (loop.type, loop.id) == (TriggerType.CONTAINER_CRASH_LOOP, suspicion.id)
    assert as_seen(suspicion, WEB, seen(Health.SICK, "REMOVED")).type is TriggerType.CONTAINER_REMOVED
    assert as_seen(suspicion, WEB, seen(Health.SICK)) == suspicion
    assert as_seen(suspicion, WEB, None) == suspicion
    person = replace(suspicion, type=TriggerType.MANUAL)
    assert as_seen(person, WEB, seen(Health.SICK, "CRASH_LOOP")) == person


def test_supervisord_is_waited_for_where_it_restarts() -> None:
    """What does not restart by itself is ours."""
    exited = seen(Health.SICK, "EXITED")
    assert (
        refuse_suspicion(suspected(TriggerType.LOG_ERROR), replace(WEB, restarts=True), exited, {"web": WEB})
        is not None
    )
    assert refuse_suspicion(suspected(TriggerType.LOG_ERROR), WEB, exited, {"web": WEB}) is None


def test_a_part_is_left_to_the_whole_that_does_not_run() -> None:
    """Nobody installs packages in a dead container, or is told of them; where nobody keeps the whole, it is its own."""
    part = replace(WEB, name="modules", probe=ProbeKind.COMMAND, ladder=("install-packages", "investigate"))
    whole = replace(WEB, ladder=("restart-container",))
    life = Incarnation(pid=0, started_at=1, state="EXITED", id="a" * 64)
    dead = replace(seen(Health.SICK), incarnation=life)
    suspicion = suspected(TriggerType.LOG_ERROR)
    refusal = refuse_suspicion(suspicion, part, dead, {"modules": part, "web": whole})
    assert refusal is not None
    assert "left to 'web'" in refusal.reason
    assert refuse_suspicion(suspicion, part, seen(Health.SICK), {"modules": part, "web": whole}) is None
    assert refuse_suspicion(suspicion, part, dead, {"modules": part, "web": WEB}) is None
    assert refuse_suspicion(suspicion, whole, dead, {"modules": part, "web": whole}) is None

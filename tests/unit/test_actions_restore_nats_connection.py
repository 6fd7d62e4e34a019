"""restore-nats-connection: patience first, a restart only then."""

import pytest
from fakes import FakeBroker, FakeClock, FakeControl, always

from selfheal.actions.restore_nats_connection import RestoreNatsConnection
from selfheal.model.attempt import Plan
from selfheal.model.component import Component, ProbeKind
from selfheal.model.errors import Permanent, Transient
from selfheal.model.observation import Health

SILENT = Transient("gave no answer")
BROKER = Component(name="broker", target="t", probe=ProbeKind.NATS, supervisor="demo", program="broker")
FOREIGN = Component(name="broker", target="t", probe=ProbeKind.NATS)


class Scene:
    """A broker, its supervisor and a clock."""

    def __init__(self, state: str, *answers: int | Exception) -> None:
        self.control = FakeControl(broker=state)
        self.broker = FakeBroker(*answers)
        self.clock = FakeClock()
        self.action = RestoreNatsConnection(
            controls={"demo": self.control}, observe=always(Health.HEALTHY), broker=self.broker, clock=self.clock
        )


def test_answers_at_once() -> None:
    """A broker that answers again is left alone."""
    scene = Scene("RUNNING", 1)
    assert scene.action.commit(BROKER, Plan()) == "reconnected without a restart"
    assert (scene.control.calls, scene.clock.waits) == ([], [])


def test_answers_after_a_while() -> None:
    """It is asked again after growing pauses."""
    scene = Scene("RUNNING", SILENT, SILENT, 1)
    assert scene.action.commit(BROKER, Plan()) == "reconnected without a restart"
    assert (scene.control.calls, scene.clock.waits) == ([], [0.5, 1.0])


def test_stays_silent() -> None:
    """After the last pause its service is restarted, and the reason is told."""
    scene = Scene("RUNNING", SILENT)
    assert "gave no answer" in scene.action.commit(BROKER, Plan())
    assert scene.control.calls == ["stop broker", "start broker"]
    assert scene.clock.waits == [0.5, 1.0, 2.0]


def test_dead_process_is_started_at_once() -> None:
    """Nobody waits for a process that is known to be dead."""
    scene = Scene("EXITED", SILENT)
    scene.action.commit(BROKER, Plan())
    assert (scene.control.calls, scene.clock.waits, scene.broker.pings) == (["start broker"], [], 0)


def test_without_a_supervisor() -> None:
    """A broker that we do not run is only asked; if it stays silent a person must restart it."""
    scene = Scene("RUNNING", SILENT)
    with pytest.raises(Permanent, match="no supervisor to restart it"):
        scene.action.commit(FOREIGN, scene.action.prepare(FOREIGN))
    assert scene.control.calls == []
    assert "nothing to go back to" in scene.action.rollback(FOREIGN, scene.action.prepare(FOREIGN))


def test_rollback_is_the_same_as_of_a_service() -> None:
    """The process goes back to what was found."""
    plan = Scene("RUNNING", SILENT).action.prepare(BROKER)
    scene = Scene("EXITED", SILENT)
    scene.action.rollback(BROKER, plan)
    assert scene.control.calls == ["start broker"]
    assert scene.action.validate(BROKER).health is Health.HEALTHY

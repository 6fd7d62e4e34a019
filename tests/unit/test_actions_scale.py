"""scale: from the number that was counted to one that is allowed, and back to it; never where the number is unsure."""

from dataclasses import replace
from typing import Any

import pytest
from fakes import NOON, FakeClock, FakeReplicas
from uuid6 import uuid7

from selfheal.actions.scale import ScaleOut
from selfheal.model.check import Replicas, Scale
from selfheal.model.component import Component, ProbeKind
from selfheal.model.errors import Declined, Permanent, TargetChanged, Transient
from selfheal.model.observation import Health, Observation
from selfheal.model.trigger import Priority, Source, Trigger, TriggerType
from selfheal.settings.file import parse

SCALE = Scale(most=4, count=("/opt/api", "count"), command=("/opt/api", "run", "{replicas}"))
API = Component(name="api", target="http/api", probe=ProbeKind.HTTP, url="http://127.0.0.1/", scale=SCALE)
WEB = replace(API, docker="docker", container="web", scale=Scale(most=4, label="set=web"))
AWAY = Transient("nobody answers")


class World:
    def __init__(self, running: int = 2, *, there: int | None = None) -> None:
        self.sets, self.health, self.clock = FakeReplicas(running, there=there), Health.HEALTHY, FakeClock()
        self.action = ScaleOut(
            commands=self.sets, engines={"docker": self.sets}, observe=self.observe, clock=self.clock
        )

    def observe(self, component: Component) -> Observation:
        return Observation(component=component.name, health=self.health, detail="as it is", observed_at=NOON)


@pytest.mark.parametrize(
    ("component", "how"),
    [(API, "`/opt/api run 3`"), (WEB, "containers like its own, with the label set=web")],
    ids=["commands", "label"],
)
def test_one_more_and_back(component: Component, how: str) -> None:
    """Both ways are asked for whole numbers; the way back is gone once, however often it is asked for."""
    world = World()
    plan = world.action.prepare(component)
    assert (plan.parameters, plan.rollback, plan.wanted) == ({"from": 2, "to": 3}, {"replicas": 2}, {"replicas": 3})
    assert plan.steps == (f"bring api from 2 to 3 replicas (at most 4) by {how}",)
    assert world.sets.asked == []
    assert world.action.commit(component, plan) == "from 2 to 3 replicas: done"
    assert "back to 2 replicas" in world.action.rollback(component, plan)
    assert "as it was found" in world.action.rollback(component, plan)
    assert world.sets.asked == [3, 2]


@pytest.mark.parametrize(
    ("running", "scale", "wanted"),
    [
        (2, Scale(most=4, step=2), 4),
        (3, Scale(most=4, step=2), 4),
        (0, Scale(most=4), 1),
        (0, Scale(least=3, most=4), 3),
        (3, Scale(least=2, most=4), 4),
    ],
)
def test_the_number_is_one_that_is_allowed(running: int, scale: Scale, wanted: int) -> None:
    """By a step, at least to the least, never above the most."""
    world, component = World(running), replace(API, scale=scale)
    assert world.action.prepare(component).wanted == {"replicas": wanted}


@pytest.mark.parametrize("running", [4, 7])
def test_where_there_may_be_no_more_it_declines(running: int) -> None:
    """Also where a person has started more than that, which stay."""
    world = World(running)
    with pytest.raises(Declined, match=f"runs {running} replicas, and at most 4"):
        world.action.prepare(API)
    assert world.sets.asked == []


def test_another_number_than_counted_is_not_touched() -> None:
    """Somebody else was faster, up or down; nor is one of which nobody can tell."""
    for number in (1, 3):
        world = World()
        plan = world.action.prepare(API)
        world.sets.now = Replicas(running=number, there=number)
        with pytest.raises(TargetChanged, match="somebody else scaled it"):
            world.action.commit(API, plan)
        assert world.sets.asked == []
    world = World()
    plan = world.action.prepare(API)
    world.sets.away = AWAY
    with pytest.raises(TargetChanged, match="nobody can tell how many"):
        world.action.commit(API, plan)
    with pytest.raises(Transient):
        world.action.prepare(API)
    assert world.sets.asked == []


def test_a_look_tells_the_number_and_whether_all_are_ready() -> None:
    """As the plan has found it before the act; what nobody can count is unknown, and no number."""
    world = World()
    before = world.action.validate(API)
    assert (before.health, before.values) == (Health.HEALTHY, world.action.prepare(API).found)
    world.sets.now = Replicas(running=3, there=3, unready=("web-replica-1",))
    after = world.action.validate(API)
    assert (after.health, after.detail) == (Health.SICK, "not ready yet: web-replica-1")
    assert after.values == {"replicas": 3, "replicas_there": 3}
    world.sets.away = AWAY
    unknown = world.action.validate(API)
    assert (unknown.health, unknown.values) == (Health.UNKNOWN, {})


def test_a_number_that_is_none_of_ours_is_left_as_it_is() -> None:
    """More than the act wanted, or fewer than there were: no way back of ours leads there."""
    for number in (1, 4):
        world = World()
        plan = world.action.prepare(API)
        world.sets.now = Replicas(running=number, there=number)
        with pytest.raises(TargetChanged, match="left as it is"):
            world.action.rollback(API, plan)
        assert world.sets.asked == []


def test_what_an_act_left_half_done_is_taken_back() -> None:
    """One was made and does not run: as many run as before, and it is not what was found."""
    world = World()
    plan = world.action.prepare(API)
    world.sets.now = Replicas(running=2, there=3)
    assert "back to 2" in world.action.rollback(API, plan)
    assert world.sets.asked == [2]


def test_a_way_back_that_leads_nowhere_is_told() -> None:
    """The command goes well, and as many run: the rollback has failed."""
    world = World()
    plan = world.action.prepare(API)
    world.sets.now = Replicas(running=3, there=3)
    world.sets.idle = True
    with pytest.raises(Permanent, match="still runs 3 replicas, not 2"):
        world.action.rollback(API, plan)
    assert world.clock.seconds >= SCALE.timeout.total_seconds()


def test_what_it_handles() -> None:
    """What lacks room or answers late, where the settings say how; nothing else that is foretold."""
    world, bare = World(), replace(API, scale=None)
    handled = {kind for kind in TriggerType if world.action.can_handle(a_trigger(kind), API)}
    assert handled == {
        TriggerType.SERVICE_DOWN,
        TriggerType.CONTAINER_DOWN,
        TriggerType.MEMORY_HIGH,
        TriggerType.MEMORY_PRESSURE,
        TriggerType.RESPONSE_RISING,
        TriggerType.LOG_ERROR,
        TriggerType.EXTERNAL_ALERT,
        TriggerType.BREAKER_OPENED,
        TriggerType.MANUAL,
    }
    assert not any(world.action.can_handle(a_trigger(kind), bare) for kind in TriggerType)
    with pytest.raises(Permanent, match="has no scale"):
        world.action.prepare(bare)
    assert world.action.validate(bare).health is Health.UNKNOWN
    assert world.action.mode == "approve"


GOOD = {"max": 4, "count": ["/opt/api", "count"], "command": ["/opt/api", "run", "{replicas}"]}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"max": 0}, "max"),
        ({"min": 5}, "there is no number between"),
        ({"step": 0}, "step"),
        ({"count": []}, "count"),
        ({"command": []}, "command"),
        ({"label": "set=web"}, "one of the two"),
        ({"count": [], "command": []}, "one of the two"),
        ({"count": ["api", "count"]}, "absolute path"),
        ({"command": ["./api", "{replicas}"]}, "absolute path"),
        ({"command": ["/opt/api", "run"]}, "must hold {replicas}"),
        ({"command": ["/opt/{replicas}"]}, "must hold {replicas}"),
        ({"count": [], "command": [], "label": "set=web"}, "needs container"),
        ({"count": [], "command": [], "label": "set"}, "label"),
        ({"timeout": "6 min"}, "at most 5 min"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change: dict[str, Any], said: str) -> None:
    """Each with its name."""
    with pytest.raises(Permanent, match=said):
        parsed(GOOD | change)


def parsed(scale: dict[str, Any]) -> Component:
    component = {"probe": "http", "url": "http://127.0.0.1/", "scale": scale}
    return parse({"components": {"api": component}}, source="the test").catalogue()["api"]


def test_settings_become_what_the_domain_knows() -> None:
    """The number stands in place of its word."""
    scale = parsed(GOOD).scale
    assert scale == SCALE
    assert scale is not None
    assert scale.brought_to(3) == ("/opt/api", "run", "3")


def a_trigger(kind: TriggerType) -> Trigger:
    return Trigger(
        id=uuid7(),
        type=kind,
        component="api",
        source=Source.WATCHER,
        priority=Priority.HIGH,
        reason="the test says so",
        detected_at=NOON,
    )

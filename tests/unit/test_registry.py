"""The table of actions: duplicates, unknown names, ladders, third parties."""

from dataclasses import replace
from importlib.metadata import EntryPoint
from uuid import uuid4

import pytest
from fakes import NOON, FakeBroker, FakeClock, FakeControl, FakeHttp, always

from selfheal.actions.restart_service import RestartService
from selfheal.actions.table import Registry, Toolbox, build
from selfheal.model.component import Component, ProbeKind
from selfheal.model.errors import Permanent
from selfheal.model.observation import Health
from selfheal.model.trigger import Priority, Source, Trigger, TriggerType

TOOLS = Toolbox(
    controls={"demo": FakeControl(backend="RUNNING")},
    observe=always(Health.HEALTHY),
    http=FakeHttp(200),
    broker=FakeBroker(1),
    clock=FakeClock(),
)
BACKEND = Component(
    name="backend", target="t", probe=ProbeKind.HTTP, supervisor="demo", program="backend", ladder=("restart-service",)
)
BROKER = Component(
    name="broker",
    target="b",
    probe=ProbeKind.NATS,
    supervisor="demo",
    program="broker",
    ladder=("restore-nats-connection", "restart-service"),
)


def trigger(kind: TriggerType = TriggerType.SERVICE_DOWN, action: str = "") -> Trigger:
    return Trigger(
        id=uuid4(),
        type=kind,
        component="backend",
        action=action,
        source=Source.PERSON,
        priority=Priority.HIGH,
        reason="a test",
        detected_at=NOON,
    )


class Custom(RestartService):
    """A third party's action, found by entry point `test_registry:custom`."""

    name = "custom"


def custom(tools: Toolbox) -> Custom:
    return Custom(controls=tools.controls, observe=tools.observe, clock=tools.clock)


def broken(tools: Toolbox) -> Custom:
    raise RuntimeError("my own fault")


class Silent:
    """A third party's action that keeps to itself what it risks and how long it may act."""

    name = "silent"
    action_type = "SILENT"
    mode = "approve"
    manual_minutes = 1


def silent(tools: Toolbox) -> Silent:
    return Silent()


def entry(name: str, attribute: str) -> EntryPoint:
    return EntryPoint(name=name, value=f"test_registry:{attribute}", group="selfheal.actions")


def test_shipped_actions() -> None:
    """The two shipped actions are there, healthy, and run by themselves."""
    registry = build(TOOLS)
    assert {"restart-service", "restore-nats-connection"} <= set(registry.names())
    assert registry.problems() == []
    assert {registry.get(name).mode for name in ("restart-service", "restore-nats-connection")} == {"auto"}
    assert registry.get("restart-service").manual_minutes == 10


def test_duplicates_are_refused() -> None:
    """A name is given once."""
    registry = build(TOOLS)
    with pytest.raises(Permanent, match="two actions are named 'restart-service'"):
        registry.register(registry.get("restart-service"))


def test_unknown_mode_is_refused() -> None:
    """An action with a mode that does not exist never gets into the table."""
    action = custom(TOOLS)
    action.mode = "atuo"
    with pytest.raises(Permanent, match="did you mean 'auto'"):
        Registry(TOOLS).register(action)


def test_a_mode_of_the_settings_goes_before_the_actions_own() -> None:
    """What the settings do not name keeps its own mode; a name that is none is refused with the nearest."""
    registry = build(replace(TOOLS, modes={"restart-service": "shadow"}))
    told = {name: registry.mode(registry.get(name)) for name in ("restart-service", "apply-migration")}
    assert told == {"restart-service": "shadow", "apply-migration": "approve"}
    with pytest.raises(Permanent, match=r"actions.restart-servce: .* did you mean 'restart-service'"):
        build(replace(TOOLS, modes={"restart-servce": "auto"}))
    with pytest.raises(
        Permanent, match=r"prediction.preempt.actions.restart-servce: .* did you mean 'restart-service'"
    ):
        build(replace(TOOLS, ahead={"restart-servce": "auto"}))


def test_unknown_name_gives_the_nearest() -> None:
    """A typing error is answered with the name that was meant."""
    with pytest.raises(Permanent, match="did you mean 'restart-service'"):
        build(TOOLS).find_actions(trigger(action="restart-servce"), BACKEND)


@pytest.mark.parametrize(
    ("kind", "component", "found"),
    [
        (TriggerType.SERVICE_DOWN, BACKEND, "restart-service"),
        (TriggerType.MANUAL, BACKEND, "restart-service"),
        (TriggerType.NATS_DOWN, BACKEND, None),
        (TriggerType.NATS_DOWN, BROKER, "restore-nats-connection"),
        (TriggerType.SERVICE_DOWN, BROKER, "restore-nats-connection"),
    ],
)
def test_ladder(kind: TriggerType, component: Component, found: str | None) -> None:
    """The first rung that can handle the trigger is taken; none where none can."""
    actions = build(TOOLS).find_actions(trigger(kind), component)
    assert (actions[0].name if actions else None) == found


def test_own_choice_beats_the_ladder() -> None:
    """A person may choose another action, but not one that does not fit."""
    registry = build(TOOLS)
    (chosen,) = registry.find_actions(trigger(TriggerType.MANUAL, "restart-service"), BROKER)
    assert chosen.name == "restart-service"
    with pytest.raises(Permanent, match="does not fit backend"):
        registry.find_actions(trigger(TriggerType.MANUAL, "restore-nats-connection"), BACKEND)


def test_third_party_is_loaded_when_asked_for() -> None:
    """An entry point is found by name, and loaded once."""
    registry = build(TOOLS)
    registry.offer(entry("custom", "custom"))
    assert registry.get("custom") is registry.get("custom")
    assert registry.problems() == []


def test_broken_third_party_stops_nobody() -> None:
    """A third party's action that is broken, missing or misnamed is told by name; the ladder goes on."""
    registry = build(TOOLS)
    for plugin in (entry("broken", "broken"), entry("missing", "nowhere"), entry("misnamed", "custom")):
        registry.offer(plugin)
    ladder = ("broken", "missing", "misnamed", "unheard-of", "restart-service")
    component = Component(
        name="x", target="x", probe=ProbeKind.HTTP, supervisor="demo", program="backend", ladder=ladder
    )
    (action,) = registry.find_actions(trigger(), component)
    assert action.name == "restart-service"
    told = registry.problems()
    assert [name in words for name, words in zip(("broken", "misnamed", "missing"), told, strict=True)] == [True] * 3
    assert "my own fault" in told[0]


def test_an_action_says_what_people_are_told_of_it() -> None:
    """One that leaves out what a person must know before they approve it is not taken, and told by name."""
    registry = build(TOOLS)
    registry.offer(entry("silent", "silent"))
    with pytest.raises(Permanent, match=r"'silent' of test_registry:silent does not say its risk, timeout"):
        registry.get("silent")


def test_third_party_cannot_replace_a_shipped_action() -> None:
    """A duplicate from outside is left out and told, and the shipped action stays."""
    registry = build(TOOLS)
    registry.offer(entry("restart-service", "custom"))
    assert "left out" in registry.problems()[0]
    assert type(registry.get("restart-service")) is RestartService

"""Pruning on a real broker and database: what is deleted, what never is, and the way back."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from deliverable_fixtures import PIPELINE, DeliverableBroker
from sqlalchemy import Engine
from uuid6 import uuid7

from selfheal.actions.prune_deliverables import PruneDeliverables
from selfheal.bootstrap import wire
from selfheal.clients.clock import SystemClock
from selfheal.clients.jetstream import JetStreamDeliverables
from selfheal.clients.jetstream_orphans import JetStreamOrphans
from selfheal.model.deliverable import Presence
from selfheal.model.errors import Permanent, TargetChanged, Transient
from selfheal.model.observation import Health
from selfheal.model.trigger import Priority, Source, Trigger, TriggerType
from selfheal.policy.catalogue import deliverables_component
from selfheal.policy.evidence import MARGIN
from selfheal.probes.deliverables import DeliverablesProbe
from selfheal.protocol.dry_run import preview
from selfheal.protocol.heal import heal
from selfheal.protocol.plain import plain_steps
from selfheal.settings.estate import Settings
from selfheal.store.pruned import PrunedDeliverables

KNOWN = "REQ-KNOWN-1"
COMPONENT = deliverables_component("nats://127.0.0.1:4222", timeout=timedelta(seconds=5))


class World:
    """The action over a broker and a database; `known` may be changed, or be an error."""

    def __init__(self, broker: DeliverableBroker, engine: Engine, *, rest: timedelta = timedelta(0)) -> None:
        self.known: Collection[str] | Exception = {KNOWN}
        self.broker = broker
        self.copies = PrunedDeliverables(engine)
        self.orphans = JetStreamOrphans(PIPELINE, self._known, rest=rest, **broker.access)
        self.probe = DeliverablesProbe(self.orphans, SystemClock())
        self.action = PruneDeliverables(
            orphans=self.orphans,
            copies=self.copies,
            observe=lambda component: self.probe.observe(component, None),
            clock=SystemClock(),
        )

    def _known(self) -> Collection[str]:
        if isinstance(self.known, Exception):
            raise self.known
        return self.known

    def prune(self) -> str:
        """A whole run; what was verified."""
        said = self.action.commit(COMPONENT, self.action.prepare(COMPONENT))
        assert self.action.validate(COMPONENT).health is Health.HEALTHY
        return said

    def left(self) -> dict[str, int]:
        """How many deliverables each unknown request has."""
        return JetStreamDeliverables(PIPELINE, **self.broker.access).orphans([]).by_request


@pytest.fixture
def world(broker: DeliverableBroker, empty: Engine) -> World:
    """Two requests that nobody knows, and one that is known."""
    broker.deliver("REQ-GONE-1", 0, 1, 6)
    broker.deliver(KNOWN, 0, 1)
    broker.deliver("REQ-GONE-2", 0, 0)
    return World(broker, empty)


def trigger(**changes: Any) -> Trigger:
    """A person's."""
    values: dict[str, Any] = {
        "id": None,
        "type": TriggerType.MANUAL,
        "component": COMPONENT.name,
        "action": "prune-deliverables",
        "source": Source.PERSON,
        "priority": Priority.LOW,
        "reason": "tests",
        "detected_at": datetime.now(UTC),
    }
    return Trigger(**(values | changes))


def test_orphans_are_deleted_and_copied(world: World) -> None:
    """What is known stays, the copies can be published again, and each copy once."""
    assert world.probe.observe(COMPONENT, None).health is Health.SICK
    steps = world.action.prepare(COMPONENT).steps
    assert steps[0] == "keep copies of 5 deliverables of 2 requests, and delete them"
    assert steps[3] == "by request: REQ-GONE-1: 3, REQ-GONE-2: 2"
    assert world.left() == {"REQ-GONE-1": 3, KNOWN: 2, "REQ-GONE-2": 2}
    assert world.prune() == "deleted 5 deliverables, of which there are copies"
    assert world.left() == {KNOWN: 2}
    assert world.probe.observe(COMPONENT, None).health is Health.HEALTHY
    copies = world.copies.of("REQ-GONE-1", limit=10)
    assert len(copies) == 3
    for _ in range(2):
        world.orphans.publish(copies)
    world.copies.restored(copies)
    assert world.left() == {KNOWN: 2, "REQ-GONE-1": 3}
    assert not world.copies.of("REQ-GONE-1", limit=10)


def test_a_known_request_is_never_pruned(world: World) -> None:
    """Not where it becomes known between the question and the act, nor where nobody can tell who is known."""
    plan = world.action.prepare(COMPONENT)
    world.known = {KNOWN, "REQ-GONE-1"}
    with pytest.raises(TargetChanged, match="others than were shown"):
        world.action.commit(COMPONENT, plan)
    world.known = Transient("the request file is SHRUNKEN")
    with pytest.raises(Transient, match="SHRUNKEN"):
        world.action.prepare(COMPONENT)
    with pytest.raises(Transient, match="SHRUNKEN"):
        world.action.commit(COMPONENT, plan)
    assert world.probe.observe(COMPONENT, None).health is Health.UNKNOWN
    assert sum(world.left().values()) == 7


def test_what_is_young_is_left_alone(world: World, empty: Engine) -> None:
    """Its request may be about to be written down."""
    young = World(world.broker, empty, rest=timedelta(hours=1))
    with pytest.raises(Permanent, match="nothing of deliverables is without a request"):
        young.action.prepare(COMPONENT)
    assert young.probe.observe(COMPONENT, None).health is Health.HEALTHY


def test_a_run_is_bounded(world: World) -> None:
    """The same ones are found each time, and no more than a run may take."""
    first = world.orphans.find(limit=2)
    assert [one.message.subject.rpartition(".")[2] for one in first] == ["REQ-GONE-1"] * 2
    assert [one.message.sequence for one in first] == [one.message.sequence for one in world.orphans.find(limit=2)]


def test_a_stream_made_anew_loses_nothing(world: World) -> None:
    """The sequences that were found are other messages now."""
    found = world.orphans.find(limit=10)
    world.broker.clear()
    world.broker.make_streams()
    world.broker.deliver(KNOWN, 0, 1, 6)
    with pytest.raises(TargetChanged, match="made anew"):
        world.orphans.delete(found)
    assert world.left() == {KNOWN: 3}
    assert not world.orphans.there(found)


def test_an_interrupted_run_is_verified_by_looking(world: World) -> None:
    """Copied and not deleted: it is still there, and the next run deletes it."""
    world.copies.keep(world.orphans.find(limit=10))
    assert world.action.validate(COMPONENT).detail == "5 deliverables are still there"
    world.prune()
    assert world.left() == {KNOWN: 2}
    with world.broker.frozen():
        slow = JetStreamOrphans(
            PIPELINE, lambda: {KNOWN}, rest=timedelta(0), **(world.broker.access | {"timeout": timedelta(seconds=0.2)})
        )
        with pytest.raises(Transient, match="gave no answer"):
            slow.find(limit=1)


def test_what_we_pruned_hides_no_absence_of_others(broker: DeliverableBroker, empty: Engine) -> None:
    """The gaps are explained by our own record; of a pruned request that is known again nobody can tell."""
    world = World(broker, empty)
    since = datetime.now(UTC) + MARGIN
    broker.deliver(KNOWN, 0)
    broker.deliver("REQ-GONE-1", 0)
    broker.deliver(KNOWN, 0)
    before = JetStreamDeliverables(PIPELINE, **broker.access)
    after = JetStreamDeliverables(PIPELINE, pruned=world.copies.subjects, **broker.access)
    world.prune()
    asked = {"REQ-NEW-1": since, "REQ-GONE-1": since}
    assert "messages were deleted" in before.evidence(asked)["REQ-NEW-1"].stages[0].why
    found = after.evidence(asked)
    assert {one.presence for one in found["REQ-NEW-1"].stages} == {Presence.ABSENT}
    assert "was pruned" in found["REQ-GONE-1"].stages[0].why


def test_only_a_person_who_names_it_prunes(world: World) -> None:
    """No watcher, and no other action's trigger."""
    assert world.action.can_handle(trigger(), COMPONENT)
    assert not world.action.can_handle(trigger(action=""), COMPONENT)
    assert not world.action.can_handle(trigger(type=TriggerType.NATS_DOWN), COMPONENT)


def test_a_person_is_asked_before_anything_is_pruned(
    broker: DeliverableBroker, empty: Engine, database_url: str, tmp_path: Path
) -> None:
    """`selfheal heal deliverables --action prune-deliverables`: what is shown, and that it waits for a word."""
    file = tmp_path / "OWNER_REQUESTS.md"
    file.write_text(f"### {KNOWN}: Known\n\n**Status**: IN_PROGRESS\n")
    broker.deliver("REQ-GONE-1", 0, 1)
    broker.deliver(KNOWN, 0)
    workflows = broker.settings(request_file=str(file), prune_older="1 ms")
    settings = Settings.model_validate({"workflows": workflows, "healing": {"allow": ["deliverables"]}})
    estate = wire(settings, database_url=database_url)
    try:
        told = preview(estate.healer, trigger(id=uuid7()))
        assert told.seen == "SICK: some belong to no request, like those of REQ-GONE-1"
        assert told.steps[0] == "keep copies of 2 deliverables of 1 requests, and delete them"
        result = heal(plain_steps(estate.healer), trigger(id=uuid7(), who="ada"))
        assert result.name == "AwaitingApproval"
        assert COMPONENT.name not in list(estate.healer.components)
        assert PrunedDeliverables(empty).open() == []
    finally:
        estate.close()

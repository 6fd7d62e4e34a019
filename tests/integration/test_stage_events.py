"""Events that start stages, and agents' words on escalations, on a real broker."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from deliverable_fixtures import PIPELINE, DeliverableBroker
from estate_fixtures import until

from benchmarks.free_ports import free_ports
from selfheal.clients.jetstream_events import JetStreamEscalations, JetStreamEvents
from selfheal.model.deliverable import Presence
from selfheal.model.errors import Permanent, Transient
from selfheal.model.workflow import Workflow, WorkflowStatus
from selfheal.policy.evidence import MARGIN

REQ = "REQ-ITEM-MASTER-001"
EVENTS, ESCALATIONS = "agog.orchestration.events", "agog.strategic.escalations"
STREAM, SUBJECT = "agog_orchestration_events", f"{EVENTS}.stage.started.{REQ}"
_NS = 10**9


def workflow(**changes: Any) -> Workflow:
    """One that stands at the backend."""
    values: dict[str, Any] = {
        "req_number": REQ,
        "title": "Items",
        "assigned_to": "roy",
        "priority": "P1",
        "current_stage": 2,
        "status": WorkflowStatus.RUNNING,
        "file_status": "IN_PROGRESS",
        "started_at": None,
        "completed_at": None,
        "stage_deliverables": {},
        "version": 1,
        "updated_at": datetime.now(UTC),
    }
    return Workflow(**(values | changes))


def publish(broker: DeliverableBroker, message_id: UUID, **changes: Any) -> None:
    """As the mechanisms do."""
    access = broker.access | {key: changes.pop(key) for key in tuple(changes) if key in broker.access}
    JetStreamEvents(PIPELINE, EVENTS, **access).publish(workflow(**changes), message_id=message_id)


def stored(broker: DeliverableBroker) -> list[dict[str, Any]]:
    """The headers' ids and the bodies of all events."""
    count = broker.api(f"STREAM.INFO.{STREAM}")["state"]["messages"]

    async def work(client: Any) -> list[dict[str, Any]]:
        stream = client.jetstream()
        found = [await stream.get_msg(STREAM, seq) for seq in range(1, count + 1)]
        return [json.loads(one.data) | {"header": one.headers["Nats-Msg-Id"]} for one in found]

    return broker.talk(work)


def test_an_event_names_its_stage_and_is_stored_once(broker: DeliverableBroker) -> None:
    """Asked again with the same id, nothing is added; another id is another event."""
    first, second = uuid4(), uuid4()
    for one in (first, first, second, first):
        publish(broker, one)
    events = stored(broker)
    assert [one["header"] for one in events] == [str(first), str(second)]
    told = {key: events[0][key] for key in ("event", "req_number", "stage", "agent", "kind", "message_id")}
    assert told == {
        "event": "stage.started",
        "req_number": REQ,
        "stage": 2,
        "agent": "roy",
        "kind": "backend",
        "message_id": str(first),
    }
    assert events[0]["deliver_to"] == f"agog.deliverables.roy.backend.{REQ}"


@pytest.mark.parametrize("direct", [True, False])
def test_a_stream_that_has_forgotten_the_id_still_shows_the_message(broker: DeliverableBroker, direct: bool) -> None:  # noqa: FBT001 - a case
    """The broker's own memory of ids is short: the look finds it."""
    broker.api(f"STREAM.DELETE.{STREAM}")
    broker.make_stream(STREAM, [f"{EVENTS}.>"], duplicate_window=_NS // 10, allow_direct=direct)
    first = uuid4()
    publish(broker, first)
    for _ in range(3):
        publish(broker, uuid4())
    body = json.dumps({"id": str(first)}).encode()

    async def forgotten(client: Any) -> bool:
        """The broker would take that id again."""
        ack = await client.jetstream().publish(f"{EVENTS}.elsewhere", body, headers={"Nats-Msg-Id": str(first)})
        return not ack.duplicate

    until("the broker has forgotten the id", lambda: broker.talk(forgotten))
    publish(broker, first)
    info = broker.api(f"STREAM.INFO.{STREAM}", {"subjects_filter": SUBJECT})
    assert info["state"]["subjects"] == {SUBJECT: 4}


def test_a_subject_that_no_stream_keeps_is_refused(broker: DeliverableBroker) -> None:
    """Nothing is published, and the hint says what to do."""
    broker.api(f"STREAM.DELETE.{STREAM}")
    with pytest.raises(Permanent, match="what is published there is lost; make a stream that covers it"):
        publish(broker, uuid4())


def test_what_cannot_be_published_is_refused(broker: DeliverableBroker) -> None:
    """A stage that does not exist, an id that would be another subject."""
    with pytest.raises(Permanent, match="stage 9, which the pipeline does not have"):
        publish(broker, uuid4(), current_stage=9)
    with pytest.raises(Permanent, match="no id of a request"):
        publish(broker, uuid4(), req_number="REQ-1.>")


def test_a_full_or_silent_stream_is_asked_again_later(broker: DeliverableBroker) -> None:
    """Frozen and down are Transient; a stream that takes nothing more says so."""
    with broker.frozen(), pytest.raises(Transient, match="gave no answer"):
        publish(broker, uuid4(), timeout=timedelta(seconds=0.3))
    broker.api(f"STREAM.DELETE.{STREAM}")
    broker.make_stream(STREAM, [f"{EVENTS}.>"], max_msgs=1, discard="new")
    publish(broker, uuid4())
    with pytest.raises((Transient, Permanent), match="maximum messages exceeded"):
        publish(broker, uuid4())


_LIMITED = """
host: "127.0.0.1"
port: %d
jetstream { store_dir: "%s" }
authorization { users: [
    { user: "agents", password: "4711" }
    { user: "reader", password: "4711", permissions: { publish: ["$JS.API.>"], subscribe: [">"] } }
    { user: "stranger", password: "4711", permissions: { publish: ["elsewhere"], subscribe: [">"] } }
] }
"""


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[DeliverableBroker]:
    """A broker that lets some users publish less than others."""
    (port,) = free_ports(1)
    one = DeliverableBroker(folder=tmp_path, port=port, login=("agents", "4711"))
    one.configuration = _LIMITED % (one.port, tmp_path / "jetstream")
    try:
        one.start()
        one.make_streams()
        yield one
    finally:
        one.stop()


def test_a_user_who_must_not_publish_hears_that(limited: DeliverableBroker) -> None:
    """Whether it is the event or the question that is not allowed."""
    with pytest.raises(Permanent, match="does not let us publish there"):
        publish(limited, uuid4(), credentials=("reader", "4711"))
    with pytest.raises(Permanent, match="does not let us publish there"):
        publish(limited, uuid4(), credentials=("stranger", "4711"), timeout=timedelta(seconds=0.5))


def test_the_newest_escalation_is_read(broker: DeliverableBroker) -> None:
    """Its reason where it has one, absent where the stream has kept all, untold otherwise."""
    since = datetime.now(UTC) + MARGIN
    ask = JetStreamEscalations(ESCALATIONS, **broker.access)
    assert ask.newest(REQ, since=since).presence is Presence.ABSENT
    broker.publish([{f"{ESCALATIONS}.{REQ}": b"# Help\nme"}, {f"{ESCALATIONS}.REQ-2": b"not me"}])
    assert ask.newest(REQ, since=None).text == "# Help me"
    broker.publish([{f"{ESCALATIONS}.{REQ}": json.dumps({"req": 1, "reason": "password=hunter22 is wrong"}).encode()}])
    found = ask.newest(REQ, since=since)
    assert (found.presence, found.text) == (Presence.PRESENT, "password=*** is wrong")
    assert ask.newest("REQ-1.2", since=since).why == "it is no id of a request"
    broker.api("STREAM.DELETE.agog_strategic_escalations")
    assert ask.newest(REQ, since=since).why == f"no stream keeps {ESCALATIONS}.{REQ}"
    broker.stop()
    assert "refuses connections" in ask.newest(REQ, since=since).why

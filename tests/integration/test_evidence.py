"""Evidence about stages on a real broker: present, absent, and everything that leaves nobody able to tell."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from deliverable_fixtures import PIPELINE, DeliverableBroker, deliverable_broker, payload

from selfheal.clients.jetstream import JetStreamDeliverables
from selfheal.model.deliverable import Evidence, Presence, Result, StageEvidence
from selfheal.policy.evidence import MARGIN

REQ = "REQ-STRATEGIC-AUTO-1767045901871"
STAGES = len(PIPELINE.stages)
QA, DEVOPS = PIPELINE.stages[4], PIPELINE.stages[6]


def client(broker: DeliverableBroker, **changes: Any) -> JetStreamDeliverables:
    """The client under test."""
    return JetStreamDeliverables(PIPELINE, **(broker.access | changes))


def seen(broker: DeliverableBroker, since: datetime | None = None, **changes: Any) -> Evidence:
    """The evidence of one request that began just now, or when it is said."""
    return client(broker, **changes).evidence({REQ: since or datetime.now(UTC) + MARGIN})[REQ]


def presences(found: Evidence) -> list[Presence]:
    """Of each stage."""
    return [one.presence for one in found.stages]


def could_not_tell(found: Evidence | StageEvidence) -> str:
    """Why; of a whole request only if no stage at all can be told."""
    stages = found.stages if isinstance(found, Evidence) else (found,)
    assert {one.presence for one in stages} == {Presence.COULD_NOT_TELL}
    return stages[0].why


def test_what_was_delivered_is_present_and_the_rest_absent(broker: DeliverableBroker) -> None:
    """Each stage is told by itself: a gap stays a gap."""
    broker.deliver(REQ, 0, 1, 3)
    broker.deliver("REQ-OTHER-1", 2, 4)
    found = seen(broker)
    assert found.done == {0, 1, 3}
    assert [one is Presence.PRESENT for one in presences(found)] == [True, True, False, True, False, False, False]
    assert found.could_not_tell == ""
    newest = found.stages[3].deliverable
    assert newest is not None
    assert (newest.subject, newest.sequence) == (f"agog.deliverables.jen.frontend.{REQ}", 1)
    assert found.newest == newest.published_at


def test_the_newest_counts_also_under_an_alias(broker: DeliverableBroker) -> None:
    """What was blocked and is then deployed under the agent's other subject is done."""
    broker.deliver(REQ, 6, status="BLOCKED")
    assert seen(broker).stages[6].done is False
    broker.publish([{f"agog.deliverables.berry.berry.{REQ}": payload(REQ, 6, status="DEPLOYED")}])
    assert seen(broker).stages[6].done is True
    broker.deliver(REQ, 6, status="FAILED")
    newest = seen(broker).stages[6].deliverable
    assert newest is not None
    assert newest.result is Result.FAILED


def test_without_direct_get_the_same_is_found(broker: DeliverableBroker) -> None:
    """Streams that were made long ago allow no direct get, and older brokers know no batch."""
    broker.clear()
    broker.make_streams(allow_direct=False)
    broker.deliver(REQ, 0, 2)
    assert seen(broker).done == {0, 2}
    assert presences(seen(broker))[1] is Presence.ABSENT


def test_a_broker_that_is_down_frozen_or_refuses_us_tells_nothing(broker: DeliverableBroker) -> None:
    """Each says why, within the time-out."""
    broker.deliver(REQ, 0)
    with broker.frozen():
        assert "gave no answer within 0.3 s" in could_not_tell(seen(broker, timeout=timedelta(seconds=0.3)))
        silent = client(broker, timeout=timedelta(seconds=0.3)).orphans([]).could_not_tell
        assert set(silent) == {one.stream for one in PIPELINE.stages}
    assert "does not accept the user" in could_not_tell(seen(broker, credentials=("agents", "wrong")))
    broker.stop()
    assert "refuses connections" in could_not_tell(seen(broker))
    broker.start()
    assert seen(broker).done == {0}


@pytest.fixture
def without_jetstream() -> Iterator[DeliverableBroker]:
    """A broker that keeps nothing."""
    with deliverable_broker(jetstream=False) as one:
        yield one


def test_a_broker_without_jetstream_tells_nothing(without_jetstream: DeliverableBroker) -> None:
    """It answers, but has no streams for us."""
    assert "has no JetStream" in could_not_tell(seen(without_jetstream))


def test_a_missing_stream_hides_its_own_stage_only(broker: DeliverableBroker) -> None:
    """The others are told."""
    broker.deliver(REQ, 0)
    broker.api(f"STREAM.DELETE.{QA.stream}")
    found = seen(broker)
    assert could_not_tell(found.stages[4]) == "there is no stream agog_features_qa"
    assert presences(found).count(Presence.COULD_NOT_TELL) == 1
    assert client(broker).orphans([REQ]).could_not_tell == {QA.stream: "there is no stream agog_features_qa"}


def test_a_stream_made_anew_has_forgotten(broker: DeliverableBroker) -> None:
    """An empty stream says nothing of requests that began before it was made."""
    since = datetime.now(UTC) + MARGIN
    assert presences(seen(broker, since)) == [Presence.ABSENT] * STAGES
    broker.clear()
    broker.make_streams()
    assert "it began before stream" in could_not_tell(seen(broker, since))


def test_nobody_knows_when_it_began(broker: DeliverableBroker) -> None:
    """Then nothing is absent; what is there is there."""
    broker.deliver(REQ, 0)
    found = client(broker).evidence({REQ: None})[REQ]
    assert found.stages[0].done
    assert "since when" in found.could_not_tell

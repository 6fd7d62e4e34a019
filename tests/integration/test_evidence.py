"""Evidence about stages on a real broker: present, absent, and everything that leaves nobody able to tell."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from deliverable_fixtures import PIPELINE, DeliverableBroker, deliverable_broker, payload
from estate_fixtures import until

from selfheal.clients.jetstream import JetStreamDeliverables
from selfheal.model.deliverable import Evidence, Presence, Result, StageEvidence
from selfheal.policy.evidence import MARGIN

REQ = "REQ-STRATEGIC-AUTO-1767045901871"
STAGES = len(PIPELINE.stages)
RESEARCH, QA, DEVOPS = PIPELINE.stages[0], PIPELINE.stages[4], PIPELINE.stages[6]


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


def test_what_has_expired_leaves_nobody_able_to_tell(broker: DeliverableBroker) -> None:
    """By the cap, by age, by a purge of all: absent is only said to requests that began after what was lost."""
    since = datetime.now(UTC) + MARGIN
    broker.api(f"STREAM.DELETE.{QA.stream}")
    broker.make_stream(QA.stream, [f"{QA.subject}.>"], max_msgs=3)
    since = max(since, datetime.now(UTC) + MARGIN)
    broker.publish([{f"{QA.subject}.REQ-NOISE-{number}": b"x"} for number in range(3)])
    assert seen(broker, since).stages[4].presence is Presence.ABSENT
    broker.publish([{f"{QA.subject}.REQ-NOISE-4": b"x"}])
    assert "first message that stream agog_features_qa still has" in could_not_tell(seen(broker, since).stages[4])
    broker.api(f"STREAM.PURGE.{QA.stream}")
    assert "has lost all that it had" in could_not_tell(seen(broker, since).stages[4])
    assert seen(broker, datetime.now(UTC) + 2 * MARGIN).stages[4].presence is Presence.ABSENT
    broker.api(f"STREAM.DELETE.{DEVOPS.stream}")
    broker.make_stream(
        DEVOPS.stream, [f"{one}.>" for one in DEVOPS.subjects], max_age=100_000_000, duplicate_window=100_000_000
    )
    since = datetime.now(UTC) + MARGIN
    broker.deliver(REQ, 6)
    until("it has expired", lambda: broker.api(f"STREAM.INFO.{DEVOPS.stream}")["state"]["messages"] == 0)
    assert "has lost all" in could_not_tell(seen(broker, since).stages[6])


def test_a_deleted_message_may_have_been_ours(broker: DeliverableBroker) -> None:
    """A gap since the request began leaves nobody able to tell; one before it says nothing."""
    broker.deliver("REQ-EARLIER-1", 4, 4, 4)
    broker.api(f"STREAM.MSG.DELETE.{QA.stream}", {"seq": 2})
    since = datetime.now(UTC) + MARGIN
    assert seen(broker, since).stages[4].presence is Presence.ABSENT
    broker.deliver(REQ, 4)
    broker.deliver("REQ-LATER-1", 4)
    assert seen(broker, since).stages[4].done
    broker.api(f"STREAM.MSG.DELETE.{QA.stream}", {"seq": 4})
    assert "messages were deleted" in could_not_tell(seen(broker, since).stages[4])


def test_a_subject_that_another_stream_keeps_is_told(broker: DeliverableBroker) -> None:
    """Whether the stage's own or an alias; one that no stream keeps cannot be absent."""
    broker.api(f"STREAM.DELETE.{DEVOPS.stream}")
    broker.make_stream(DEVOPS.stream, [f"{DEVOPS.subject}.>"])
    assert seen(broker).stages[6].presence is Presence.ABSENT
    broker.make_stream("moved", [f"{DEVOPS.aliases[0]}.>"])
    assert "is kept by stream moved, not by agog_features_devops" in could_not_tell(seen(broker).stages[6])
    broker.api(f"STREAM.DELETE.{QA.stream}")
    broker.make_stream(QA.stream, ["agog.elsewhere.>"])
    assert could_not_tell(seen(broker).stages[4]) == "no stream keeps agog.deliverables.billy.qa"


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"storage": "memory"}, "is kept in memory"),
        ({"retention": "workqueue"}, "workqueue policy"),
        ({"discard": "new"}, "refuses what is new"),
    ],
)
def test_a_stream_that_forgets_in_other_ways_says_nothing(
    broker: DeliverableBroker, config: dict[str, Any], why: str
) -> None:
    """What is in it is there all the same."""
    broker.api(f"STREAM.DELETE.{QA.stream}")
    broker.make_stream(QA.stream, [f"{QA.subject}.>"], **config)
    assert why in could_not_tell(seen(broker).stages[4])
    broker.deliver(REQ, 4)
    assert seen(broker).stages[4].done


def test_odd_payloads_and_subjects_hide_nothing(broker: DeliverableBroker) -> None:
    """A megabyte, bytes of any kind, a subject that is no UTF-8: the others are told, and nothing breaks."""
    large = payload(REQ, 0, changes={"diff": "x" * 1_000_000})
    broker.publish([{f"{RESEARCH.subject}.{REQ}": large, f"{PIPELINE.stages[2].subject}.{REQ}": b"\xff\x00{"}])
    broker.publish_raw(RESEARCH.subject.encode() + b".REQ-\xff\xfe")
    found = seen(broker)
    assert found.done == {0, 2}
    assert client(broker).orphans([REQ]).count == 1


def test_many_requests_are_told_at_once(broker: DeliverableBroker) -> None:
    """More than one batch holds, each by its own time."""
    names = [f"REQ-MANY-{number}" for number in range(130)]
    broker.deliver(names[0], 0)
    broker.deliver(names[-1], 0)
    found = client(broker).evidence(dict.fromkeys(names, datetime.now(UTC) + MARGIN))
    assert list(found) == names
    assert [name for name in names if found[name].done] == [names[0], names[-1]]
    assert not any(one.could_not_tell for one in found.values())

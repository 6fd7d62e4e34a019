"""The projection of deliverables into Postgres: each message once, whatever is killed, poisoned or made anew."""

import json
from collections.abc import Sequence

import psycopg
import pytest
from deliverable_fixtures import PIPELINE, DeliverableBroker, payload
from sqlalchemy import Engine, text

from selfheal.clients.jetstream_projection import JetStreamProjection
from selfheal.model.deliverable import Delivered, Result
from selfheal.model.errors import Permanent, Transient
from selfheal.store.delivered import DeliveredHistory

Connection = psycopg.Connection[tuple[object, ...]]

REQ = "REQ-P0-1767508090235-rpyyv"


class Refusing(DeliveredHistory):
    """A history whose database refuses what one request says."""

    def __init__(self, engine: Engine, *, refused: str, away: bool = False) -> None:
        super().__init__(engine)
        self.refused = refused
        self.away = away

    def add(self, delivered: Sequence[Delivered]) -> None:
        """As told."""
        if self.away:
            raise Transient("the database does not answer")
        if any(one.deliverable.req_number == self.refused and one.deliverable.summary for one in delivered):
            raise Permanent("the database refuses")
        super().add(delivered)


def projection(broker: DeliverableBroker, history: DeliveredHistory) -> JetStreamProjection:
    """The projection under test."""
    return JetStreamProjection(PIPELINE, history, **broker.access)


def project(broker: DeliverableBroker, history: DeliveredHistory, *, limit: int = 1000) -> int:
    """One run; how many messages it took."""
    return projection(broker, history).project(limit=limit, seconds=10).taken


def rows(engine: Engine) -> list[tuple[str, int, int]]:
    """Request, stage and sequence of all, in order."""
    asked = text("SELECT req_number, stage, sequence FROM deliverables ORDER BY stage, stream_created, sequence")
    with engine.begin() as connection:
        return [(row[0], row[1], row[2]) for row in connection.execute(asked)]


def test_what_was_delivered_is_kept_once(broker: DeliverableBroker, empty: Engine) -> None:
    """With what it says; a second run takes only what is new, and a limit leaves the rest for the next run."""
    history = DeliveredHistory(empty)
    broker.deliver(REQ, 0, 1, 6)
    broker.publish([{f"agog.deliverables.berry.berry.{REQ}": payload(REQ, 6, status="BLOCKED", summary={"why": "x"})}])
    assert project(broker, history) == 4
    assert project(broker, history) == 0
    broker.deliver("REQ-2", 0, 0, 0)
    assert projection(broker, history).project(limit=2, seconds=10).left
    assert project(broker, history) == 1
    others = [("REQ-2", 0, 2), ("REQ-2", 0, 3), ("REQ-2", 0, 4)]
    assert rows(empty) == [(REQ, 0, 1), *others, (REQ, 1, 1), (REQ, 6, 1), (REQ, 6, 2)]
    newest = history.of(REQ, limit=1)[0]
    assert (newest.deliverable.result, newest.deliverable.summary) == (Result.BLOCKED, "why: x")
    assert newest.deliverable.subject == f"agog.deliverables.berry.berry.{REQ}"
    assert newest.size == len(payload(REQ, 6, status="BLOCKED", summary={"why": "x"}))


def test_poison_stops_nobody(broker: DeliverableBroker, empty: Engine) -> None:
    """Bytes of any kind are kept as unclear; what the database refuses is kept without its words."""
    research = PIPELINE.stages[0].subject
    poison = [
        b"\x00\xff\xfe",
        b"[" * 100_000,
        b'{"a":' * 5000,
        json.dumps({"summary": "\x00\ud800"}).encode(),
        b"9" * 9000,
    ]
    for number, data in enumerate(poison):
        broker.publish([{f"{research}.REQ-POISON-{number}": data}])
    broker.publish_raw(research.encode() + b".REQ-\xff\xfe")
    broker.publish([{f"{research}.no-request": b"x", f"{research}.REQ-A-1": payload("REQ-A-1", 0)}])
    broker.deliver("REQ-REFUSED-1", 0)
    broker.deliver(REQ, 0)
    assert project(broker, Refusing(empty, refused="REQ-REFUSED-1")) == 10
    kept = [row[0] for row in rows(empty)]
    assert kept == [*(f"REQ-POISON-{number}" for number in range(5)), "REQ-A-1", "REQ-REFUSED-1", REQ]
    history = DeliveredHistory(empty)
    assert history.of("REQ-REFUSED-1", limit=1)[0].deliverable.oddities == ("the database refuses its words",)
    assert project(broker, history) == 0


def test_what_was_not_committed_comes_again(broker: DeliverableBroker, empty: Engine) -> None:
    """A database that is away acknowledges nothing."""
    broker.deliver(REQ, 0)
    with pytest.raises(Transient, match="database"):
        project(broker, Refusing(empty, refused="", away=True))
    info = broker.api("CONSUMER.INFO.agog_features_research.selfheal-deliverables")
    assert (info["num_ack_pending"], info["ack_floor"]["stream_seq"]) == (1, 0)
    broker.api("CONSUMER.DELETE.agog_features_research.selfheal-deliverables")
    assert project(broker, DeliveredHistory(empty)) == 1


def test_a_lost_history_is_told_anew(broker: DeliverableBroker, empty: Engine, superuser: Connection) -> None:
    """Its consumer has acknowledged all, and the database knows nothing of it."""
    history = DeliveredHistory(empty)
    broker.deliver(REQ, 0, 1)
    assert project(broker, history) == 2
    with psycopg.connect(superuser.info.dsn, password=superuser.info.password, dbname="selfheal") as owner:
        owner.execute("TRUNCATE deliverables")
    assert project(broker, history) == 2
    assert rows(empty) == [(REQ, 0, 1), (REQ, 1, 1)]


def test_a_stream_made_anew_counts_from_one_again(broker: DeliverableBroker, empty: Engine) -> None:
    """Its first message is another one than the first of the stream before; a missing one is told and stops nobody."""
    history = DeliveredHistory(empty)
    broker.deliver(REQ, 0)
    project(broker, history)
    broker.clear()
    assert set(projection(broker, history).project(limit=9, seconds=9).could_not_tell) == {
        one.stream for one in PIPELINE.stages
    }
    broker.make_streams()
    broker.deliver(REQ, 0, 1)
    assert project(broker, history) == 2
    assert rows(empty) == [(REQ, 0, 1), (REQ, 0, 1), (REQ, 1, 1)]


def test_a_broker_that_is_away_is_transient(broker: DeliverableBroker, empty: Engine) -> None:
    """The flow tries again later."""
    broker.stop()
    with pytest.raises(Transient, match="refuses connections"):
        project(broker, DeliveredHistory(empty))

"""Alerts leave the outbox once they are taken, and not before; a person's decisions on storms and maintenance."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString
from uuid import uuid4

from sqlalchemy import Engine, text
from webhook_receiver import Receiver

from selfheal.model.health import ComponentHealth, HealthStatus
from selfheal.model.maintenance import Scope
from selfheal.protocol.alerts import Telling
from selfheal.settings.file import parse
from selfheal.store.health import HealthHistory
from selfheal.store.maintenance import Maintenance
from selfheal.store.outbox import Outbox
from selfheal.store.storms import Storms
from selfheal.wiring.alerts import telling_of

HOUR = timedelta(hours=1)


def written(engine: Engine, *messages: str) -> None:
    """Alerts, as transactions of ours write them."""
    with engine.begin() as connection:
        for number, message in enumerate(messages):
            connection.execute(
                text("INSERT INTO alert_outbox (severity, dedup_key, message) VALUES ('CRITICAL', :key, :message)"),
                {"message": message, "key": f"key/{number}"},
            )


def owned(embedded_postgres: Any, statement: LiteralString) -> None:
    """What healing_user may not do: let time pass."""
    import psycopg  # noqa: PLC0415

    with psycopg.connect(embedded_postgres.servers.postgres.superuser_dsn(), dbname="selfheal") as owner:
        owner.execute(statement)


def telling_to(engine: Engine, receiver: Receiver, **more: Any) -> Telling:
    """What a turn tells people with, by the webhook alone."""
    values = {"alerts": {"webhook": receiver.url, **more}}
    return telling_of(parse(values, source="the test"), engine, spool="")


def due_again(embedded_postgres: Any) -> None:
    """Let the pause until the next try be over."""
    owned(embedded_postgres, "UPDATE alert_deliveries SET next_try_at = now()")


def test_an_alert_is_delivered_once(empty: Engine, receiver: Receiver) -> None:
    """With its id as idempotency key and the token; the next turn has nothing to do."""
    written(empty, "the broker needs a person")
    telling = telling_to(empty, receiver, token="geheim")
    telling.turn()
    telling.turn()
    (alert,) = receiver.got
    assert (alert["message"], alert["kind"], alert["dedup_key"]) == ("the broker needs a person", "ALERT", "key/0")
    assert receiver.headers[0]["Idempotency-Key"] == alert["id"]
    assert receiver.headers[0]["Authorization"] == "Bearer geheim"
    assert Outbox(empty).unsent() == 0


def test_what_is_critical_goes_out_ahead_of_the_turn(empty: Engine, receiver: Receiver, embedded_postgres: Any) -> None:
    """And nothing else does; a channel that did not take it is tried with the turns, as any."""
    telling_of(parse({}, source="the test"), empty, spool="").hurry()
    with empty.begin() as connection:
        connection.execute(text("INSERT INTO alert_outbox (severity, dedup_key, message) VALUES ('WARNING', 'k', 'm')"))
    telling = telling_to(empty, receiver)
    telling.hurry()
    assert receiver.got == []
    written(empty, "the broker needs a person")
    receiver.status = 503
    telling.hurry()
    assert [one["severity"] for one in receiver.got] == ["CRITICAL"]
    due_again(embedded_postgres)
    telling.hurry()
    assert len(receiver.got) == 1
    receiver.status = 204
    owned(embedded_postgres, "UPDATE alert_deliveries SET tries = 0")  # decided, and its process died
    telling.hurry()
    assert [one["severity"] for one in receiver.got] == ["CRITICAL", "CRITICAL", "WARNING"]


def test_what_is_not_taken_comes_again(empty: Engine, receiver: Receiver, embedded_postgres: Any) -> None:
    """An error of the receiver delays an alert, later tries longer; it is not lost."""
    written(empty, "first")
    telling = telling_to(empty, receiver)
    receiver.status = 503
    telling.turn()
    telling.turn()
    assert len(receiver.got) == 1
    assert Outbox(empty).unsent() == 1
    with empty.connect() as connection:
        assert connection.scalar(text("SELECT error FROM alert_deliveries")) == "the webhook answers 503"
    receiver.status = 204
    due_again(embedded_postgres)
    telling.turn()
    assert [one["id"] for one in receiver.got] == [receiver.got[0]["id"]] * 2
    assert Outbox(empty).unsent() == 0


def test_two_deliverers_send_it_once(empty: Engine, receiver: Receiver) -> None:
    """Whoever claims it first; the other one finds nothing due."""
    written(empty, *(f"alert {number}" for number in range(10)))
    start = threading.Barrier(4, timeout=30)

    def run() -> None:
        start.wait()
        telling_to(empty, receiver, singles=100).turn()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one["message"] for one in receiver.got) == [f"alert {number}" for number in range(10)]


def test_without_a_channel_alerts_wait(empty: Engine) -> None:
    """And are not counted as tried."""
    written(empty, "nobody listens")
    telling_of(parse({}, source="the test"), empty, spool="").turn()
    assert Outbox(empty).unsent() == 1


def test_a_dead_webhook_is_told_without_its_address(empty: Engine) -> None:
    """The address may hold a secret."""
    written(empty, "nobody listens")
    telling_of(
        parse({"alerts": {"webhook": "http://127.0.0.1:9/secret-path"}}, source="the test"), empty, spool=""
    ).turn()
    with empty.connect() as connection:
        error = connection.scalar(text("SELECT error FROM alert_deliveries"))
    assert error == "the webhook cannot be reached: ConnectError"


def test_a_go_ahead_is_for_storms_that_nobody_has_decided(empty: Engine) -> None:
    """It names who and why; a second one finds nothing to decide."""
    storms = Storms(empty)
    assert storms.go(who="ada", why="nothing to see") == 0
    with empty.begin() as connection:
        connection.execute(
            text("INSERT INTO storms (estate_group, sick, quiet_at) VALUES ('web', 7, now() + interval '5 min')")
        )
    assert storms.go(who="ada", why="the power is back") == 1
    (storm,) = storms.current()
    assert (storm.group, storm.sick, storm.go_by, storm.go_why) == ("web", 7, "ada", "the power is back")
    assert storms.go(who="bob", why="again") == 0


def test_a_window_can_be_ended_early_and_called_off(empty: Engine) -> None:
    """In force: it ends now. Not begun yet: it never begins. Over or unknown: nothing happens, and that is said."""
    store, now = Maintenance(empty), datetime.now(UTC)
    words = {"zone": "Europe/Berlin", "who": "ada", "why": "new disks"}
    running = store.plan(scope=Scope.ESTATE, name="", begins_at=now - HOUR, ends_at=now + HOUR, **words)
    later = store.plan(scope=Scope.GROUP, name="web", begins_at=now + HOUR, ends_at=now + 2 * HOUR, **words)
    assert [one.id for one in store.upcoming()] == [running.id, later.id]
    assert store.end(running.id, who="bob", why="done")
    assert store.end(later.id, who="bob", why="not needed")
    assert [one.id for one in store.upcoming()] in ([], [later.id])  # called off: it ends as it begins
    assert not store.end(running.id, who="bob", why="done")
    assert not store.end(uuid4(), who="bob", why="done")


def looked(engine: Engine, component: str, status: HealthStatus, *ago_s: float) -> None:
    """What the watcher wrote so many seconds ago."""
    now = datetime.now(UTC)
    HealthHistory(engine).record(
        [
            ComponentHealth(
                component=component,
                status=status,
                response_ms=None,
                detail=f"nobody knows {component}",
                checked_at=now - timedelta(seconds=seconds),
            )
            for seconds in ago_s
        ]
    )


def told_of_unknown(engine: Engine) -> list[str]:
    """One turn; all that a person was told so far of components that nobody knows."""
    HealthHistory(engine).tell_unknown(after=timedelta(minutes=5), fresh=timedelta(seconds=30))
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT message FROM alert_outbox WHERE dedup_key LIKE 'unknown/%' ORDER BY created_at")
        )
        return [row.message for row in rows]


def test_what_nobody_knows_for_long_is_told_once(empty: Engine) -> None:
    """Two components in one alert; not what was known meanwhile, is unknown for a moment, or is watched no more."""
    for name in ("web", "db"):
        looked(empty, name, HealthStatus.UNKNOWN, 310, 200, 100, 5)
    looked(empty, "known", HealthStatus.UNKNOWN, 310, 5)
    looked(empty, "known", HealthStatus.OPERATIONAL, 100)
    looked(empty, "new", HealthStatus.UNKNOWN, 200, 5)
    looked(empty, "gone", HealthStatus.UNKNOWN, 310, 100)
    (message,) = told_of_unknown(empty)
    assert message == "nobody can tell how 2 components are: db (nobody knows db), web (nobody knows web)"
    assert told_of_unknown(empty) == [message]


def test_what_was_known_again_is_told_again(empty: Engine, embedded_postgres: Any) -> None:
    """Each stretch in which nobody knows is told, and one that lasts again after a day."""
    looked(empty, "web", HealthStatus.UNKNOWN, 310, 5)
    (first,) = told_of_unknown(empty)
    owned(embedded_postgres, "UPDATE alert_outbox SET created_at = created_at - interval '20 min'")
    assert told_of_unknown(empty) == [first]
    looked(empty, "web", HealthStatus.OPERATIONAL, 600)
    assert told_of_unknown(empty) == [first, first]
    owned(embedded_postgres, "UPDATE alert_outbox SET created_at = created_at - interval '1 day'")
    assert told_of_unknown(empty) == [first] * 3

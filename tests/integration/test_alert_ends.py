"""What was told of has an end, written in the transaction that ends it."""

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

from admission_desk import Desk
from embedded_fixtures import Embedded
from sqlalchemy import Engine, text
from test_alerts import looked, owned

from selfheal.model.attempt import Holder
from selfheal.model.breaker import BreakerDeed
from selfheal.model.health import HealthStatus
from selfheal.store.breakers import Breakers
from selfheal.store.health import HealthHistory
from selfheal.store.outbox import Outbox
from selfheal.store.storms import Storms

MINUTE = timedelta(minutes=1)


def told(engine: Engine) -> list[tuple[str, str]]:
    """Kind and first part of the key, in order."""
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT kind, dedup_key FROM alert_outbox ORDER BY created_at, id"))
        return [(row.kind, row.dedup_key.partition("/")[0]) for row in rows]


def both(kind: str) -> list[tuple[str, str]]:
    return [("RAISED", kind), ("RESOLVED", kind)]


def test_a_fault_that_needed_a_person_ends(desk: Callable[..., Desk], empty: Engine) -> None:
    """When it is closed, whoever healed it; a fault that nobody was told of ends without a word."""
    one = desk()
    one.sick("web", 2 * MINUTE)
    one.sick("db", 2 * MINUTE)
    one.do("SELECT hand_over(id, component, 'it does not help') FROM faults WHERE component = 'web'")
    one.do("UPDATE faults SET closed_at = now(), verified_at = now(), resolution = 'RECOVERED'")
    assert told(empty) == both("fault")


def test_a_storm_ends(empty: Engine) -> None:
    """By a word, or when it was quiet for long enough and a turn sees that."""
    storms = Storms(empty)
    storms.blow("web", sick=9, message="a storm", quiet=timedelta(hours=1))
    storms.over("web")
    assert told(empty) == both("storm")
    storms.blow("db", sick=9, message="a storm", quiet=timedelta(microseconds=1))
    Outbox(empty).note_ends()
    assert told(empty) == both("storm") * 2


def test_a_breaker_that_closes_ends_its_alert(empty: Engine, embedded_postgres: Embedded) -> None:
    """By its results, or by a person who makes it as new."""
    breakers = Breakers(empty)
    with empty.begin() as connection:
        connection.execute(text("INSERT INTO circuit_breaker_state (component) VALUES ('heal:restart-service')"))
    breakers.decide("heal:restart-service", BreakerDeed.OPEN, who="ada", why="x")
    breakers.decide("heal:restart-service", BreakerDeed.RESET, who="ada", why="x")
    assert told(empty) == [], "nobody was told of it"
    owned(embedded_postgres, "UPDATE circuit_breaker_state SET state = 'OPEN', open_until = now() + interval '1 h'")
    alert = "INSERT INTO alert_outbox (severity, dedup_key, message) VALUES ('WARNING', :key, 'm')"
    with empty.begin() as connection:
        connection.execute(text(alert), {"key": "breaker/heal:restart-service"})
    breakers.decide("heal:restart-service", BreakerDeed.RESET, who="ada", why="mended")
    assert told(empty) == both("breaker")


def test_what_is_known_again_ends_its_alert(empty: Engine) -> None:
    """All that the alert names, seen otherwise since; once."""
    looked(empty, "web", HealthStatus.UNKNOWN, 310, 5)
    HealthHistory(empty).tell_unknown(after=5 * MINUTE, fresh=timedelta(seconds=30))
    Outbox(empty).note_ends()
    assert told(empty) == [("RAISED", "unknown")]
    looked(empty, "web", HealthStatus.OPERATIONAL, -1)
    Outbox(empty).note_ends()
    Outbox(empty).note_ends()
    assert told(empty) == both("unknown")


def test_who_is_watched_no_more_is_not_unknown_for_ever(empty: Engine, embedded_postgres: Embedded) -> None:
    """Gone from the settings while nobody knew how it is; not where nobody watches at all."""
    looked(empty, "web", HealthStatus.UNKNOWN, 310, 5)
    HealthHistory(empty).tell_unknown(after=5 * MINUTE, fresh=timedelta(seconds=30))
    owned(embedded_postgres, "UPDATE alert_outbox SET created_at = created_at - interval '4 h'")
    owned(embedded_postgres, "DELETE FROM health_history")
    Outbox(empty).note_ends()
    assert told(empty) == [("RAISED", "unknown")], "nobody watches"
    HealthHistory(empty).begin_watch("application-health", uuid4(), Holder(host="here", pid=1, started=1))
    Outbox(empty).note_ends()
    assert told(empty) == both("unknown")
    with empty.connect() as connection:
        said = connection.scalar(text("SELECT message FROM alert_outbox WHERE kind = 'RESOLVED'"))
    assert said == "web is watched no more"


def test_one_that_is_known_again_ends_no_other(empty: Engine, embedded_postgres: Embedded) -> None:
    """Two were told of together, and one of them once more by itself: it is over when both are known."""
    for name in ("db", "web"):
        looked(empty, name, HealthStatus.UNKNOWN, 310, 5)
    HealthHistory(empty).tell_unknown(after=5 * MINUTE, fresh=timedelta(seconds=30))
    owned(embedded_postgres, "UPDATE alert_outbox SET created_at = created_at - interval '20 min'")
    looked(empty, "db", HealthStatus.OPERATIONAL, 600)
    HealthHistory(empty).tell_unknown(after=5 * MINUTE, fresh=timedelta(seconds=30))
    assert told(empty) == [("RAISED", "unknown")] * 2
    looked(empty, "db", HealthStatus.OPERATIONAL, -1)
    Outbox(empty).note_ends()
    assert told(empty) == [("RAISED", "unknown")] * 2
    looked(empty, "web", HealthStatus.OPERATIONAL, -1)
    Outbox(empty).note_ends()
    assert told(empty)[2:] == [("RESOLVED", "unknown")]


def test_a_workflow_that_goes_on_ends_its_alert(empty: Engine, embedded_postgres: Embedded) -> None:
    """One that was held, or blocked."""
    with empty.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO workflow_state (req_number, status, held_why, held_until, created_at, updated_at)"
                " VALUES ('REQ-1', 'blocked', 'no evidence', NULL, now(), now())"
            )
        )
        connection.execute(
            text(
                "INSERT INTO alert_outbox (severity, dedup_key, message) VALUES"
                " ('WARNING', 'workflow/REQ-1', 'm'), ('WARNING', 'workflow/REQ-1/blocked', 'm')"
            )
        )
    owned(embedded_postgres, "UPDATE workflow_state SET status = 'pending', held_why = NULL")
    with empty.connect() as connection:
        ended = connection.execute(text("SELECT dedup_key FROM alert_outbox WHERE kind = 'RESOLVED' ORDER BY 1"))
        assert list(ended.scalars()) == ["workflow/REQ-1", "workflow/REQ-1/blocked"]


def test_why_a_workflow_needed_a_person_ends_with_it(empty: Engine, embedded_postgres: Embedded) -> None:
    """Once it is complete, be the alert decided about or not; no other workflow's, and nothing that is over already."""
    keys = ("workflow/REQ-1/0f", "escalation/REQ-1/1f", "workflow/REQ-1/blocked", "workflow/REQ-12/2f")
    with empty.begin() as connection:
        connection.execute(text("INSERT INTO workflow_state (req_number, status) VALUES ('REQ-1', 'running')"))
        for key in keys:
            connection.execute(
                text("INSERT INTO alert_outbox (severity, dedup_key, message) VALUES ('WARNING', :key, 'm')"),
                {"key": key},
            )
    owned(
        embedded_postgres,
        "UPDATE workflow_state SET status = 'complete', last_stage = 0,"
        """ stage_deliverables = '{"0": {"result": "DONE"}}'""",
    )
    owned(embedded_postgres, "UPDATE workflow_state SET title = 'x'")
    with empty.connect() as connection:
        ended = connection.execute(text("SELECT dedup_key FROM alert_outbox WHERE kind = 'RESOLVED' ORDER BY 1"))
        assert list(ended.scalars()) == ["escalation/REQ-1/1f", "workflow/REQ-1/0f"]

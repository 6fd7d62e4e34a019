"""Kill -9 between any two steps of telling: nothing is lost, nothing is double where the channel has a key."""

import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from alert_endpoints import Endpoint
from embedded_fixtures import Embedded
from sqlalchemy import Engine, text
from test_alerts import owned

from selfheal.protocol.failpoint import TELLING

PROCESS = Path(__file__).with_name("alert_process.py")
SPOOLING = ("after-spool", "after-spool-send")
QUICK = ("after-spool-send", "after-spool-put")
"""The others are killed at in the campaign."""
ALERTS = 5

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def process(tmp_path: Path, endpoint: Endpoint, database_url: str) -> Iterator[subprocess.Popen[str]]:
    """What tells people, by a webhook and by PagerDuty."""
    config = tmp_path / "alerts.json"
    pager = {"kind": "pagerduty", "routing_key": "key-of-test", "events_url": f"{endpoint.url}/pager"}
    hook = {"kind": "webhook", "url": f"{endpoint.url}/hook"}
    config.write_text(json.dumps({"alerts": {"channels": {"hook": hook, "pager": pager}, "timeout": "5 s"}}))
    environment = {"SELFHEAL_DATABASE_URL": database_url, "SELFHEAL_SPOOL": str(tmp_path / "spool")}
    with subprocess.Popen(
        [sys.executable, str(PROCESS), str(config)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    ) as found:
        yield found
        found.kill()


def say(process: subprocess.Popen[str], words: str) -> int:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{words}\n")
    process.stdin.flush()
    return int(process.stdout.readline())


def raised(engine: Engine) -> None:
    """Alerts of groups of their own: each is a message by itself."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO alert_outbox (severity, dedup_key, message)"
                " SELECT 'CRITICAL', 'kind' || n || '/1', 'it broke' FROM generate_series(1, :count) n"
            ),
            {"count": ALERTS},
        )


def over(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO alert_outbox (kind, severity, dedup_key, message)"
                " SELECT 'RESOLVED', 'INFO', dedup_key, 'it is well' FROM alert_outbox WHERE kind = 'RAISED'"
            )
        )


def until_all_is_told(process: subprocess.Popen[str], engine: Engine, embedded_postgres: Embedded) -> None:
    """Turns, as other processes make them after the leases of the dead one are over."""
    left = text(
        "SELECT (SELECT count(*) FROM alert_outbox WHERE routed_at IS NULL)"
        " + (SELECT count(*) FROM alert_deliveries WHERE state = 'WAITING')"
    )
    for _ in range(10):
        owned(embedded_postgres, "UPDATE alert_deliveries SET next_try_at = now() WHERE state = 'WAITING'")
        assert say(process, "turn -") == 0
        with engine.connect() as connection:
            if not connection.scalar(left):
                return
    raise AssertionError("something is never told")


def told_once(endpoint: Endpoint, kinds: dict[str, int]) -> None:
    """Whatever was sent twice is one by its key, at the webhook and at PagerDuty; and nothing is missing."""
    keys = {headers["Idempotency-Key"]: body["kind"] for at, body, headers in endpoint.got if at == "/hook"}
    assert Counter(keys.values()) == kinds
    pager = {(one["dedup_key"], one["event_action"]) for one in endpoint.bodies("/pager")}
    assert Counter(action for _, action in pager) == {"trigger": kinds["ALERT"], "resolve": kinds["RESOLVED"]}
    assert {key for key, action in pager if action == "trigger"} == {
        key for key, action in pager if action == "resolve"
    }


def test_killed_between_any_two_steps(
    process: subprocess.Popen[str],
    endpoint: Endpoint,
    empty: Engine,
    embedded_postgres: Embedded,
    request: pytest.FixtureRequest,
) -> None:
    """At each named place, while alerts are told and while their ends are; at the worst one if it must be quick."""
    in_full = request.config.getoption("--campaign")
    for place in [one for one in TELLING if "spool" not in one] if in_full else ["after-alert-send"]:
        owned(embedded_postgres, "TRUNCATE alert_outbox, alerts, alert_episodes, alert_messages, alert_deliveries")
        endpoint.got.clear()
        raised(empty)
        assert say(process, f"turn {place}") == signal.SIGKILL, place
        until_all_is_told(process, empty, embedded_postgres)
        over(empty)
        assert say(process, f"turn {place}") == signal.SIGKILL, place
        until_all_is_told(process, empty, embedded_postgres)
        assert len([one for one in endpoint.got if one[0] == "/hook"]) <= 2 * ALERTS + 2, place
        told_once(endpoint, {"ALERT": ALERTS, "RESOLVED": ALERTS})
        with empty.connect() as connection:
            history = connection.execute(text("SELECT delivery_status, count(*) FROM devops_alert_history GROUP BY 1"))
            assert dict(history.tuples().all()) == {"SENT": 2 * ALERTS}, place
        owned(embedded_postgres, "TRUNCATE devops_alert_history")


@pytest.mark.parametrize("place", [one for one in TELLING if "spool" in one])
def test_killed_between_any_two_steps_of_the_spool(  # noqa: PLR0917 - fixtures
    process: subprocess.Popen[str],
    endpoint: Endpoint,
    empty: Engine,
    embedded_postgres: Embedded,
    request: pytest.FixtureRequest,
    place: str,
) -> None:
    """Who dies while the database is away is followed by another; the spool is in the outbox once, and is over."""
    if place not in QUICK and not request.config.getoption("--campaign"):
        pytest.skip("in the campaign")
    if place in SPOOLING:
        assert say(process, f"emergency {place}") == signal.SIGKILL
    assert say(process, "emergency -") == 0
    if place not in SPOOLING:
        assert say(process, f"turn {place}") == signal.SIGKILL
    until_all_is_told(process, empty, embedded_postgres)
    until_all_is_told(process, empty, embedded_postgres)
    told_once(endpoint, {"ALERT": 1, "RESOLVED": 1})
    with empty.connect() as connection:
        rows = connection.execute(text("SELECT kind, count(*) FROM alert_outbox GROUP BY 1")).tuples().all()
    assert dict(rows) == {"RAISED": 1, "RESOLVED": 1}


def test_killed_at_random_moments_for_long(
    campaign: None, process: subprocess.Popen[str], endpoint: Endpoint, empty: Engine, embedded_postgres: Embedded
) -> None:
    """A hundred rounds, each killed at a random place, with alerts and ends between: none is lost or double."""
    chance = random.Random(7)  # noqa: S311 - the same places in every run
    places = [one for one in TELLING if "spool" not in one]
    for number in range(100):
        owned(embedded_postgres, "UPDATE alert_deliveries SET next_try_at = now() WHERE state = 'WAITING'")
        with empty.begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO alert_outbox (severity, dedup_key, message)"
                    " SELECT 'CRITICAL', 'kind' || :round || '-' || n || '/1', 'it broke' FROM generate_series(1, 5) n"
                ),
                {"round": number},
            )
        say(process, f"turn {chance.choice(places)}")
    until_all_is_told(process, empty, embedded_postgres)
    over(empty)
    say(process, "turn after-alert-send")
    until_all_is_told(process, empty, embedded_postgres)
    told_once(endpoint, {"ALERT": 500, "RESOLVED": 500})

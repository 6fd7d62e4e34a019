"""With Postgres down somebody is still told: a watcher, the alarm of `selfheal up`, and a Postgres that is killed."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alert_endpoints import Endpoint
from embedded_fixtures import scratch_folder, until

from benchmarks.chaos import stack as stacks
from benchmarks.chaos.stack import Stack
from deployments.alarm import Alarm
from deployments.rounds import Rounds
from selfheal.settings.file import parse
from selfheal.store.engine import open_engine
from selfheal.store.health import HealthHistory
from selfheal.wiring.alerts import emergency_of

WATCHER = Path(__file__).with_name("alert_watcher.py")
WATCHES = b"SELECT count(*) FROM watch_epoch WHERE beat_at > now() - interval '3 s'"
ROWS = b"SELECT kind, count(*) FROM alert_outbox WHERE dedup_key = 'selfheal/database' GROUP BY 1"

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def stack() -> Iterator[Stack]:
    """A Postgres that may be killed."""
    with scratch_folder() as folder:
        folder.mkdir(mode=0o755)
        with stacks.running(folder, prefect=False, nats=False) as stack:
            yield stack


@pytest.fixture
def spool(stack: Stack, endpoint: Endpoint, tmp_path: Path) -> Iterator[Path]:
    """A watcher and the alarm of a stack run over this database, and share what is given: their spool."""
    config, folder = tmp_path / "selfheal.json", tmp_path / "spool"
    pager = {"kind": "pagerduty", "routing_key": "key-of-test", "events_url": f"{endpoint.url}/pager"}
    values = {
        "alerts": {
            "channels": {"pager": pager, "hook": {"kind": "webhook", "url": f"{endpoint.url}/hook"}},
            "database_after": "1 s",
        },
        "watching": {"sweep": "500 ms", "reconcile": "1 s"},
        "components": {"web": {"probe": "http", "url": f"{endpoint.url}/health"}},
    }
    config.write_text(json.dumps(values))
    environment = {**os.environ, **stack.environment}
    command = [sys.executable, str(WATCHER), str(config), str(folder)]
    engine = open_engine(stack.environment["SELFHEAL_DATABASE_URL"])
    health = HealthHistory(engine)
    told = emergency_of(parse(values, source="the test"), spool=str(folder))
    alarm = Alarm(ask=health.watches, stopping=lambda: False, emergency=lambda: told)
    with (
        Rounds("the alarm", 0.5, alarm.look),
        subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as watcher,
    ):
        yield folder
        watcher.kill()
    engine.dispose()


def test_with_postgres_down_somebody_is_told_once(stack: Stack, spool: Path, endpoint: Endpoint) -> None:
    """Directly, once on each channel though two processes find it; with Postgres back it is on record, and is over."""
    with stack.connect() as connection:
        until(lambda: connection.execute(WATCHES).fetchone() == (1,))  # type: ignore[arg-type]
    stack.postgres.kill()
    until(lambda: bool(endpoint.bodies("/pager")) and bool(endpoint.bodies("/hook")))
    (hook,) = endpoint.bodies("/hook")
    assert (hook["severity"], hook["dedup_key"]) == ("CRITICAL", "selfheal/database")
    assert hook["message"].startswith("Selfheal cannot reach its database since")
    kept = spool / "alerts.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(spool.stat().st_mode) == 0o700
    stack.postgres.begin()
    until(lambda: len(endpoint.bodies("/pager")) >= 2 and len(endpoint.bodies("/hook")) >= 2)
    assert [(one["event_action"], one["dedup_key"]) for one in endpoint.bodies("/pager")] == [
        ("trigger", f"selfheal-{hook['id']}"),
        ("resolve", f"selfheal-{hook['id']}"),
    ]
    assert [one["kind"] for one in endpoint.bodies("/hook")] == ["ALERT", "RESOLVED"]
    assert not kept.exists()
    with stack.connect() as connection:
        assert dict(connection.execute(ROWS).fetchall()) == {"RAISED": 1, "RESOLVED": 1}  # type: ignore[arg-type]

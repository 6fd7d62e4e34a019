"""What a log suggests against a real estate: only what a look confirms is healed."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import nats
import pytest
from estate_fixtures import component, until
from sqlalchemy import Engine, text
from test_dispatch_processes import wired

from deployments.demo.estate import Estate as Demo
from deployments.demo.faults import Faults
from selfheal.bootstrap import Estate
from selfheal.protocol.heal import heal
from selfheal.protocol.plain import plain_steps

FORGED = (
    "FATAL: out of memory {word}",
    "JavaScript heap out of memory {word}",
    "connect ECONNREFUSED 127.0.0.1:4222 {word}",
    "connect ECONNREFUSED 127.0.0.1:5432 {word}",
    "Cannot find module {word}",
    "OWNER_REQUESTS.md not found {word}",
)


def settings(estate: Demo, log: Path) -> dict[str, Any]:
    values = estate.settings()
    values["healing"] = {"allow": ["backend", "broker"]}
    source = {"component": "backend", "file": str(log), "from_start": True, "suspects": {"nats-refused": "broker"}}
    values["log_monitor"] = {"sources": {"backend": source}}
    return values


@contextmanager
def following(one: Estate) -> Iterator[None]:
    """log-monitor runs; nothing else watches."""
    watcher = one.log_watcher(run_id=uuid4(), dispatch=lambda trigger: heal(plain_steps(one.healer), trigger))
    thread = threading.Thread(target=watcher.run)
    thread.start()
    try:
        yield
    finally:
        watcher.stop()
        thread.join(timeout=60)
        assert not thread.is_alive()


def asked(engine: Engine, statement: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


def test_forged_lines_against_a_healthy_estate_do_nothing(
    estate: Demo, empty: Engine, database_url: str, tmp_path: Path
) -> None:
    """Ten thousand of them: no attempt, no fault, no alert; refusals in a few rows, and true counts."""
    log, before = tmp_path / "backend.log", {name: estate.spawns(name) for name in ("backend", "broker")}
    with wired(settings(estate, log), database_url) as one, following(one):
        for part in range(10):
            words = ("".join(chr(97 + (n // 26**place) % 26) for place in range(4)) for n in range(1000))
            lines = [FORGED[n % len(FORGED)].format(word=f"{word}{part}") for n, word in enumerate(words)]
            with log.open("a") as written:
                written.write("\n".join([*lines, ""]))
        counted = "SELECT coalesce(sum(occurrence_count), 0)::int FROM system_errors"
        until("all are counted", lambda: asked(empty, counted) == [(10_000,)])
        raised = (
            "SELECT count(*) FROM log_triggers t "
            "WHERE NOT EXISTS (SELECT FROM trigger_answers a WHERE a.trigger_id = t.id)"
        )
        until("all are answered", lambda: asked(empty, raised) == [(0,)])
    assert asked(empty, "SELECT count(*) FROM healing_actions") == [(0,)]
    assert asked(empty, "SELECT count(*) FROM faults") == [(0,)]
    assert asked(empty, "SELECT count(*) FROM alert_outbox") == [(0,)]
    assert asked(empty, "SELECT DISTINCT decision FROM healing_triggers") == [("ALREADY_HEALTHY",)]
    assert asked(empty, "SELECT count(*) FROM healing_triggers")[0][0] <= 2 * len(FORGED)
    assert {name: estate.spawns(name) for name in before} == before


@pytest.mark.parametrize(
    ("line", "suspect"),
    [("FATAL: everything is lost", "backend"), ("connect ECONNREFUSED 127.0.0.1:4222\n" * 3, "broker")],
)
def test_what_a_look_confirms_is_healed(  # noqa: PLR0917 - fixtures
    estate: Demo, faults: Faults, empty: Engine, database_url: str, tmp_path: Path, line: str, suspect: str
) -> None:
    """The suspect is down, a line says so, nothing else watches: one heal, by its ladder."""
    log = tmp_path / "backend.log"
    log.touch()
    with wired(settings(estate, log), database_url) as one, following(one):
        until("it follows", lambda: asked(empty, "SELECT count(*) FROM watch_epoch") == [(1,)])
        faults.kill(suspect)
        until("supervisord knows", lambda: not estate.control().process(suspect).running)
        log.write_text(f"{line}\n")
        healed = "SELECT target_component, trigger_type, status, verification FROM healing_actions WHERE success"
        until("it is healed", lambda: asked(empty, healed) == [(suspect, "LOG_ERROR", "SUCCESS", "HEALED")])


def test_a_healthy_hour_of_ordinary_lines_raises_nothing(
    estate: Demo, empty: Engine, database_url: str, tmp_path: Path
) -> None:
    """Lines that talk of memory, modules, connections and refusals, as they do when all is well."""
    log, hour = tmp_path / "backend.log", ordinary_hour()
    log.write_text(hour)
    with wired(settings(estate, log), database_url) as one, following(one):
        lines = hour.count("\n")
        until("all of it is read", lambda: asked(empty, "SELECT lines FROM log_positions") == [(lines,)])
    for table in ("log_counts", "log_triggers", "system_errors", "healing_triggers", "alert_outbox"):
        assert asked(empty, f"SELECT count(*) FROM {table}") == [(0,)]  # noqa: S608 - a test's


def ordinary_hour() -> str:
    """A line every 50 ms."""
    forms = (
        "INFO  stage {n} of REQ-AUTO-{n} handed to roy",
        "INFO  memory {n} MB of 2048 MB, heap {n} MB of 1024 MB",
        "INFO  modules found: {n}, cannot complain",
        "WARN  the peer refused once, connected to nats://127.0.0.1:4222 at the second try",
        "INFO  database connection {n} opened, none failing",
        "INFO  spawned claude as process {n}",
        "INFO  OWNER_REQUESTS.md: {n} entries found",
        "DEBUG allocation of {n} buffers, no failures",
    )
    return "".join(f"2026-11-28T10:{n // 1200:02}:00Z {forms[n % len(forms)].format(n=n)}\n" for n in range(72_000))


def test_a_summary_is_published(estate: Demo, empty: Engine, database_url: str, tmp_path: Path) -> None:
    """On both subjects, in one shape; without a broker of its own and without workflows nothing is."""
    log = tmp_path / "backend.log"
    log.write_text("FATAL one\nfine\n")
    values, broker = settings(estate, log), component(estate, "broker")
    user, password = broker.credentials or ("", "")
    values["log_monitor"] |= {"url": broker.url, "username": user, "password": password, "summary": "500 ms"}
    got: dict[str, dict[str, Any]] = {}

    async def listen() -> None:
        client = await nats.connect(broker.url, user=user, password=password)
        try:
            subscription = await client.subscribe("agog.>")
            while len(got) < 2:
                message = await subscription.next_msg(timeout=30)
                said = json.loads(message.data)
                if said["metrics"]["lines"]:
                    got[message.subject] = said
        finally:
            await client.close()

    with wired(values, database_url) as one, following(one):
        asyncio.run(listen())
    assert set(got) == {"agog.monitoring.health", "agog.metrics.system"}
    for said in got.values():
        assert (said["source"], said["status"]) == ("log-monitor", "OPERATIONAL")
        assert (said["metrics"]["lines"], said["metrics"]["hits"], said["metrics"]["raised"]) == (2, 1, 1)
        assert said["at"].endswith("+00:00")


def test_the_trouble_of_a_log_is_over_once_the_settings_name_no_log(
    estate: Demo, empty: Engine, database_url: str, tmp_path: Path
) -> None:
    """Nobody follows any log then, who would say so: the next turn does, once. While logs are named it says nothing."""
    log, told = tmp_path / "backend.log", "SELECT kind, dedup_key FROM alert_outbox ORDER BY created_at, id"
    log.mkdir()
    with wired(settings(estate, log), database_url) as one:
        with following(one):
            until("it is told", lambda: asked(empty, told) == [("RAISED", "log/backend")])
        one.turn(plain_steps(one.healer))
        assert asked(empty, told) == [("RAISED", "log/backend")]
    with wired(settings(estate, log) | {"log_monitor": {}}, database_url) as one:
        for _ in range(2):
            one.turn(plain_steps(one.healer))
        assert asked(empty, told) == [("RAISED", "log/backend"), ("RESOLVED", "log/backend")]

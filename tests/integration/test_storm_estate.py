"""Most of an estate sick at once, on a real supervisord: healed by the watcher as it runs, under `storm.toml`.

What was touched is told by the programs' own ledger, not by our database. In full, 60 of 100, with `--campaign`.
"""

import os
import signal
import threading
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from estate_fixtures import run_estate, until
from sqlalchemy import Engine, text
from uuid6 import uuid7
from webhook_receiver import Receiver

from console import cli
from deployments.demo.estate import Estate as Demo
from selfheal.bootstrap import Estate, wire
from selfheal.model.trigger import Priority, Source, Trigger, TriggerType
from selfheal.protocol.heal import heal
from selfheal.protocol.plain import plain_steps
from selfheal.settings.file import parse
from selfheal.store.starts import MissedStarts
from selfheal.watch.queue import HealQueue

LIMITS = Path(__file__).with_name("storm.toml")
GROUP = 10
SLACK_S = 3.0
"""From an admission to the ledger's line; a window of the ledger is shorter by that than the limit's."""
LOW = 500

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def standing_crowd(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Demo]:
    """A supervisord with many programs."""
    sleepers = 100 if request.config.getoption("--campaign") else 20
    yield from run_estate(tmp_path_factory.mktemp("crowd") / "demo", sleepers=sleepers)


@pytest.fixture
def crowd(standing_crowd: Demo) -> Demo:
    """The same with every program running."""
    control = standing_crowd.control()
    for name, life in control.processes().items():
        if not life.running:
            control.start(name, timeout=timedelta(seconds=10))
    return standing_crowd


def name_of(number: int) -> str:
    return f"sleeper-{number}"


def parents_of(number: int) -> list[str]:
    """The first of ten is its group's leader; leaders depend on the first of all, the others on their leader."""
    if number == 0:
        return []
    return [name_of(0 if number % GROUP == 0 else number - number % GROUP)]


def settings_of(crowd: Demo, count: int, webhook: str) -> dict[str, Any]:
    """The estate's components in groups of ten, under the committed limits."""
    values, described = tomllib.loads(LIMITS.read_text()), crowd.settings()
    components = {
        name_of(number): described["components"][name_of(number)]
        | {"group": f"group-{number // GROUP}", "depends_on": parents_of(number), "critical": number in {0, GROUP}}
        | {"healthy_delay": "200 ms"}
        for number in range(count)
    }
    values["healing"]["allow"] = list(components)
    return values | {
        "supervisors": described["supervisors"],
        "components": components,
        "alerts": {"webhook": webhook},
    }


@contextmanager
def watched(values: dict[str, Any], database_url: str) -> Iterator[Estate]:
    """The watcher as the flow application-health runs it, without a Prefect server."""
    estate = wire(parse(values, source="the test"), database_url=database_url)
    steps = plain_steps(estate.healer)
    watcher = estate.watcher(
        run_id=uuid7(), dispatch=lambda trigger: heal(steps, trigger), reconcile=lambda: estate.turn(steps)
    )
    thread = threading.Thread(target=watcher.run)
    thread.start()
    try:
        until("the watcher watches", lambda: bool(estate.health.watches()))
        yield estate
    finally:
        watcher.stop()
        thread.join()
        estate.close()


def kill(crowd: Demo, names: Sequence[str]) -> None:
    """All at once, as good as it goes."""
    lives = crowd.control().processes()
    assert all(lives[name].running for name in names)  # pid 0 would be ourselves
    for name in names:
        os.kill(lives[name].pid, signal.SIGKILL)


def ledger(crowd: Demo, since: float) -> list[tuple[float, str]]:
    """Starts of the sleepers by their own account, the oldest first.

    Others of the estate start again by themselves: a consumer that was there before its broker, say.
    """
    lines = (line.split() for line in (crowd.folder / "ledger").read_text().splitlines())
    return sorted((float(at), name) for name, _, at in lines if name.startswith("sleeper-") and float(at) > since)


def rows(engine: Engine, sql: str) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(text(sql)))


def test_most_of_an_estate_sick_at_once(
    crowd: Demo,
    empty: Engine,
    database_url: str,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A person is told, CRITICAL roots alone are healed; after the go-ahead all are, in order, within the limits."""
    sick = max(crowd.sleepers * 3 // 5, 13)
    values = settings_of(crowd, crowd.sleepers, receiver.url)
    limits = parse(values, source="the test").healing
    names = [name_of(number) for number in range(sick)]
    with watched(values, database_url):
        began = datetime.now(UTC).timestamp()
        kill(crowd, names)
        until("a person is told of the storm", lambda: any("a storm" in one["message"] for one in receiver.got))
        until("all are known to be sick", lambda: len(rows(empty, "SELECT FROM faults")) >= sick)
        until("the critical ones are healed", lambda: {name_of(0), name_of(GROUP)} <= started(crowd, began))
        until("the others are refused", lambda: len(rows(empty, _REFUSED)) >= sick - limits.at_once - 3)
        before = started(crowd, began)
        early = {row.name for row in rows(empty, _EARLY)}
        assert before <= early | {name_of(0), name_of(GROUP)}
        assert len(early) <= limits.at_once + 1

        monkeypatch.setenv("SELFHEAL_DATABASE_URL", database_url)
        assert cli.main(["storm", "go", "--who", "ada", "--why", "the power is back"]) == 0
        until("all are healed", lambda: len(started(crowd, began)) == sick, seconds=200)
        until("all faults are closed", lambda: not rows(empty, "SELECT FROM faults WHERE closed_at IS NULL"))

    starts = ledger(crowd, began)
    assert Counter(name for _, name in starts) == dict.fromkeys(names, 1)
    at = {name: when for when, name in starts}
    known = {(row.child, row.parent) for row in rows(empty, _KNOWN_SICK)}
    for number in range(1, sick):
        for parent in parents_of(number):
            assert at[parent] < at[name_of(number)] or (name_of(number), parent) not in known
    length = limits.short_window.total_seconds() - SLACK_S
    assert max(sum(0 <= other - when < length for other, _ in starts) for when, _ in starts) <= limits.in_10_minutes
    assert rows(empty, _MOST_AT_ONCE)[0].most <= limits.at_once + 1
    assert rows(empty, _MOST_OF_GROUP)[0].most <= GROUP * limits.group_share
    assert rows(empty, "SELECT DISTINCT go_by, go_why FROM storms") == [("ada", "the power is back")]


def started(crowd: Demo, since: float) -> set[str]:
    return {name for _, name in ledger(crowd, since)}


_REFUSED = "SELECT DISTINCT component FROM healing_triggers WHERE decision IN ('STORM', 'ALREADY_HEALING')"
_EARLY = """SELECT a.target_component AS name FROM healing_actions a
    WHERE a.created_at < (SELECT min(s.began_at) FROM storms s)"""
_KNOWN_SICK = """SELECT a.target_component AS child, f.component AS parent FROM healing_actions a
    JOIN faults f ON f.detected_at < a.created_at - interval '1 s'"""  # exits of one moment are seen in any order
_MOST_AT_ONCE = """SELECT max((SELECT count(*) FROM healing_actions b
    WHERE b.act_started_at <= a.act_started_at AND b.completed_at > a.act_started_at)) AS most FROM healing_actions a"""
_MOST_OF_GROUP = """SELECT max((SELECT count(*) FROM healing_actions b WHERE b.estate_group = a.estate_group
    AND b.act_started_at <= a.act_started_at AND b.completed_at > a.act_started_at)) AS most FROM healing_actions a"""


def a_trigger(name: str, priority: Priority) -> Trigger:
    return Trigger(
        id=uuid7(),
        type=TriggerType.SERVICE_DOWN,
        component=name,
        source=Source.WATCHER,
        priority=priority,
        reason="the test killed it",
        detected_at=datetime.now(UTC),
    )


def test_a_critical_heal_behind_500_low_ones(crowd: Demo, empty: Engine, database_url: str) -> None:
    """It starts before all that wait, within its deadline; only what was under way already is before it."""
    values = settings_of(crowd, 12, "")
    values["healing"] |= {"at_once": 3, "in_10_minutes": 1000, "storm_estate": 0, "storm_group": 0}
    critical, *low = victims = [name_of(number) for number in (0, *range(11, 3, -1))]
    kill(crowd, victims)
    until("they are dead", lambda: not any(crowd.control().process(name).running for name in victims))
    began = datetime.now(UTC).timestamp()
    estate = wire(parse(values, source="the test"), database_url=database_url)
    with closing(estate), closing(HealQueue(values["healing"]["at_once"])) as queue:
        steps = plain_steps(estate.healer)

        def submit(name: str, priority: Priority) -> Future[None]:
            trigger = a_trigger(name, priority)
            return queue.submit(priority, lambda: heal(steps, trigger) and None)

        waiting = [submit(low[number % len(low)], Priority.LOW) for number in range(LOW)]
        submit(critical, Priority.CRITICAL).result(timeout=60)
        assert not all(one.done() for one in waiting)
        queue.close()
        until("it says that it runs", lambda: critical in [name for _, name in ledger(crowd, began)])
        assert [name for _, name in ledger(crowd, began)].index(critical) <= 3
        assert estate.starts.note_missed() == 0
        assert not MissedStarts(empty).lately()

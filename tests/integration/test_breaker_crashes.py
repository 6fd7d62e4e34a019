"""Circuit breakers among processes: exactly so many probes, and the same after a kill at each transition."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from breaker_worlds import RULES, brought, granted, tell_all
from sqlalchemy import Engine, text

from selfheal.model.breaker import Denial, Permit, State
from selfheal.store.breaker_rows import TRANSITION
from selfheal.store.breakers import Breakers

PROCESS = Path(__file__).with_name("breaker_process.py")
NAME = "agent:cynthia"
TRANSITIONS = {
    "trips": (State.CLOSED, "failure", State.OPEN),
    "half-opens": (State.OPEN, "ask", State.HALF_OPEN),
    "closes": (State.HALF_OPEN, "success", State.CLOSED),
    "reopens": (State.HALF_OPEN, "failure", State.OPEN),
}


@pytest.fixture
def breakers(empty: Engine) -> Breakers:
    return Breakers(empty, RULES)


@pytest.fixture
def process() -> Iterator[list[subprocess.Popen[str]]]:
    """Those that a test starts; none outlives it."""
    started: list[subprocess.Popen[str]] = []
    yield started
    for one in started:
        one.kill()
        one.communicate()


def start(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(PROCESS), *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def say(one: subprocess.Popen[str], words: str) -> str:
    """A line to it, and its answer."""
    assert one.stdin is not None
    assert one.stdout is not None
    one.stdin.write(f"{words}\n")
    one.stdin.flush()
    return one.stdout.readline().strip()


def written(engine: Engine) -> dict[str, int]:
    """How many rows of each kind a transition may have left."""
    counts = {
        "transitions": f"healing_actions WHERE action_type = '{TRANSITION}'",
        "alerts": "alert_outbox WHERE kind = 'RAISED'",
        "raised": "raised_triggers",
        "log": "circuit_breaker_results",
    }
    with engine.connect() as connection:
        return {
            name: connection.scalar(text(f"SELECT count(*) FROM {what}")) or 0  # noqa: S608 - written above
            for name, what in counts.items()
        }


def test_800_asks_of_two_processes_get_five_probes(
    breakers: Breakers, database_url: str, process: list[subprocess.Popen[str]]
) -> None:
    """Sixteen threads in two processes at the same moment: five permits together."""
    tell_all(breakers, NAME, "fffff")
    process += [start("ask", database_url, NAME, "400") for _ in range(2)]
    for one in process:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    for one in process:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    permits = [int(one.communicate(timeout=60)[0]) for one in process]
    assert sum(permits) == 5
    assert breakers.prevented()[NAME] == 795
    assert len(breakers.state(NAME).permits) == 5


def test_killed_at_each_transition_it_is_as_before_or_as_after(
    breakers: Breakers, empty: Engine, database_url: str, process: list[subprocess.Popen[str]]
) -> None:
    """A process killed before the commit has changed nothing, one killed after it all that belongs to it."""
    process.append(start("die", database_url))
    for number, (kind, (before, event, after)) in enumerate(TRANSITIONS.items()):
        for when in ("before", "after"):
            name = f"agent:{kind}-{when}"
            permit = brought(breakers, name, before)
            known, rows = breakers.state(name), written(empty)
            said = say(process[0], f"{name} {event} {when} {permit.id} {permit.generation}")
            assert said == "9", (kind, when, said)
            found = Breakers(empty, RULES).state(name)
            assert found == breakers.replayed(name), (kind, when)
            if when == "before":
                assert (found, written(empty)) == (known, rows), kind
                continue
            assert (found.state, found.generation) == (after, known.generation + 1), (kind, number)
            opened = int(after is State.OPEN)
            more = {name: count - rows[name] for name, count in written(empty).items()}
            logged = 1 + (event == "ask")  # the time that ran out, and the probe that it let through
            assert more == {"transitions": 1, "alerts": opened, "raised": opened, "log": logged}, kind


def test_a_probe_whose_process_is_killed_gives_its_permit_back(
    empty: Engine, database_url: str, process: list[subprocess.Popen[str]]
) -> None:
    """It holds the last place; when its lease is over by the database's clock there is a place again."""
    breakers = Breakers(empty, RULES)
    tell_all(breakers, NAME, "fffff")
    for _ in range(4):
        granted(breakers, NAME)
    process.append(start("die", database_url))
    assert say(process[0], f"{NAME} ask after {uuid4()} 1") == "9"
    denied = breakers.ask(NAME, uuid4())
    assert isinstance(denied, Denial)
    assert denied.retry_at is not None
    assert len(breakers.state(NAME).permits) == 5
    with empty.begin() as connection:  # its lease began two minutes ago
        connection.execute(
            text(
                "UPDATE circuit_breaker_state SET permits = (SELECT jsonb_object_agg(p.key, CASE WHEN p.key = :last"
                " THEN to_jsonb(now()) ELSE p.value END) FROM jsonb_each(permits) p)"
            ),
            {"last": str(breakers.state(NAME).permits[-1][0])},
        )
    assert isinstance(breakers.ask(NAME, uuid4()), Permit)
    assert isinstance(breakers.ask(NAME, uuid4()), Denial)

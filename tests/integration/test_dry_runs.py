"""Dry runs: every command and flow that decides tells what it would do, by the same statements, and writes nothing."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from test_admission import a_trigger, ask, heals  # noqa: F401 - pytest finds fixtures by import

from console import cli
from selfheal.model.breaker import BreakerDeed
from selfheal.model.errors import NotAllowed
from selfheal.model.maintenance import Scope
from selfheal.store.breakers import Breakers
from selfheal.store.engine import rehearsing, transaction
from selfheal.store.heals import Heals
from selfheal.store.maintenance import Maintenance
from selfheal.store.pauses import Pauses
from selfheal.store.tables import metadata

SETTINGS = """
[healing]
allow = ["web"]

[supervisors.main]
url = "http://127.0.0.1:1"

[components.web]
probe = "process"
supervisor = "main"
program = "web"
ladder = ["restart-service"]
"""
STORM = """INSERT INTO storms (estate_group, quiet_at, sick) VALUES ('', now() + interval '1 h', 10)"""
WINDOW = "window"
UNREADABLE = {"person_tokens", "person_sessions"}
"""Not healing_user's to read, let alone to write."""
VOLATILE = {
    "until",
    "window",
    "paused_since",
    "paused_until",
    "open_until",
    "begins_at",
    "ends_at",
    "since",
    "at",
    "storm",
    "began_at",
    "quiet_at",
    "silence",
}

DECISIONS = [
    ["pause", "--why", "move"],
    ["pause", "--why", "move", "--for", "2 h"],
    ["resume", "--why", "moved"],
    ["storm", "go", "--why", "the power is back"],
    ["maintenance", "plan", "--component", "web", "--why", "disks"],
    ["maintenance", "end", WINDOW, "--why", "done"],
    ["breaker", "open", "restart-service", "--why", "it loses data", "--for", "1 h"],
    ["breaker", "close", "restart-service", "--why", "it does not"],
    ["breaker", "automatic", "restart-service", "--why", "mended"],
    ["breaker", "reset", "restart-service", "--why", "anew"],
    ["actions", "mode", "restart-service", "approve", "--why", "it lost data"],
    ["alerts", "silence", "web", "--for", "2 h", "--why", "disks"],
]


@pytest.fixture
def decided(
    empty: Engine, database_url: str, embedded_postgres: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Engine]:
    """A database with something of everything that can be decided about, and settings that name it."""
    (tmp_path / "selfheal.toml").write_text(SETTINGS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SELFHEAL_DATABASE_URL", database_url)
    monkeypatch.setenv("SELFHEAL_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("SELFHEAL_CONFIG", raising=False)
    Pauses(empty).pause(who="ada", why="before")
    Breakers(empty).decide("heal:restart-service", BreakerDeed.OPEN, who="ada", why="before")
    with empty.begin() as connection:
        connection.execute(text(STORM))
    return empty


def dump(engine: Engine) -> dict[str, list[str]]:
    """Every row of every table that healing_user may write, as text."""
    with engine.connect() as connection:
        return {
            name: sorted(connection.scalars(text(f"SELECT t::text FROM {name} t")))  # noqa: S608 - our own names
            for name in metadata.tables.keys() - UNREADABLE
        }


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    code = cli.main([*words, "-o", "json"])
    said = capsys.readouterr()
    return code, json.loads(said.out) if said.out else said.err


def steady(told: Any) -> Any:
    """The answer without its times and ids."""
    if isinstance(told, dict):
        return {key: steady(value) for key, value in told.items() if key not in VOLATILE}
    return [steady(one) for one in told] if isinstance(told, list) else told


@pytest.mark.parametrize("words", DECISIONS, ids=" ".join)
def test_a_dry_run_tells_what_the_decision_then_tells_and_writes_nothing(
    decided: Engine, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    """No table differs after it; the real one that follows gives the same answer, and some table differs."""
    if WINDOW in words:
        from datetime import UTC, datetime  # noqa: PLC0415

        now = datetime.now(UTC)
        window = Maintenance(decided).plan(
            scope=Scope.ESTATE, name="", begins_at=now, ends_at=now + timedelta(hours=1), zone="UTC", who="a", why="b"
        )
        words = [str(window.id) if word == WINDOW else word for word in words]
    before = dump(decided)
    code, would = run(capsys, *words, "--dry-run")
    assert would.pop("dry_run") is True
    assert dump(decided) == before
    done, told = run(capsys, *words)
    assert (code, steady(would)) == (done, steady(told))
    assert dump(decided) != before


@pytest.mark.parametrize(
    "words",
    [
        ["maintenance", "end", "01a20624-2a5f-79b9-8eac-0a7d3b1aab00", "--why", "x"],
        ["breaker", "open", "restart-servce", "--why", "x"],
        ["actions", "mode", "restart-service", "aproove", "--why", "x"],
        ["actions", "mode", "restart-service", "auto"],
    ],
    ids=" ".join,
)
def test_a_dry_run_is_refused_as_the_decision_is(
    decided: Engine, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    """The same words and the same exit code; the real one leaves at most that it was tried."""
    before = dump(decided)
    would = run(capsys, *words, "--dry-run")
    assert dump(decided) == before
    assert would == run(capsys, *words)
    assert dump(decided) | {"person_deeds": []} == before


def test_a_dry_heal_names_every_limit_and_writes_nothing(decided: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    """Paused, and a storm, and the breaker open: all three are told, in the order of admission's questions."""
    before = dump(decided)
    code, told = run(capsys, "heal", "web", "--dry-run")
    assert (code, told["dry_run"], told["action"]) == (1, True, "restart-service")
    assert [one["decision"] for one in told["would_refuse"]] == ["PAUSED", "CIRCUIT_OPEN", "STORM"]
    assert "could not be planned: " in told["steps"]
    _, told = run(capsys, "heal", "elsewhere", "--dry-run")
    assert [one["decision"] for one in told["would_refuse"]] == ["NOT_ALLOWED"]
    assert dump(decided) == before


def forbidden(engine: Engine) -> None:
    with transaction(engine) as connection:
        connection.execute(text("DELETE FROM pauses"))


def test_a_rehearsal_sees_its_own_writes_and_nobody_else_does(decided: Engine) -> None:
    """Within it the statements of the real thing; beside it, and after it, nothing happened, even if a part broke."""
    with rehearsing(decided):
        assert Pauses(decided).resume(who="bob", why="x") is not None
        assert Pauses(decided).current() is None
        with pytest.raises(NotAllowed, match="permission denied"):
            forbidden(decided)
        assert Pauses(decided).current() is None
    paused = Pauses(decided).current()
    assert paused is not None
    assert paused.who == "ada"


def test_an_admission_can_be_rehearsed(heals: Heals, empty: Engine) -> None:  # noqa: F811 - the fixture
    """The same answer twice: the first one left no trace."""
    with rehearsing(empty):
        assert ask(heals, a_trigger()).admitted
    assert ask(heals, a_trigger()).admitted

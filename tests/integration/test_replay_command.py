"""`selfheal replay` on the command line: what is shown, and how it refuses."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from replay_worlds import FOR_EVER, Trouble, lived_through, settings_of
from sqlalchemy import Engine

from console import cli

FILE = """\
[watching]
sweep = "500 ms"
[healing]
allow = ["backend"]
[supervisors.demo]
url = "http://127.0.0.1:9"
[components.backend]
probe = "http"
url = "http://127.0.0.1:9/health"
supervisor = "demo"
program = "backend"
ladder = ["restart-service"]
"""


@pytest.fixture
def place(empty: Engine, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Options that name a settings file, and an empty database."""
    del empty
    monkeypatch.setenv("SELFHEAL_DATABASE_URL", database_url)
    (tmp_path / "selfheal.toml").write_text(FILE)
    return ["--data", str(tmp_path), "--config", str(tmp_path / "selfheal.toml")]


@pytest.fixture
def past(place: list[str], database_url: str) -> Iterator[list[str]]:
    """The same with a past: a fault that is healed, and one that is gone after two looks."""
    troubles = [Trouble(sweep=10, name="backend", looks=FOR_EVER), Trouble(sweep=40, name="backend", looks=2)]
    values = settings_of(["backend"])
    with closing(lived_through(values, troubles, sweeps=60, runs=1, database_url=database_url)):
        yield place


def test_a_person_sees_the_difference(past: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """What was done, how it is set and how it would be stand side by side; the difference has its times."""
    assert cli.main(["replay", *past, "--since", "1 h", "--set", "watching.strikes=1", "-o", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["changes"] == [{"setting": "watching.strikes", "as_set": "3", "as_it_would_be": "1"}]
    lines = {one["variant"]: one for one in answer["rules"] if one["rule"] == "down"}
    assert [lines[name]["found"] for name in ("as recorded", "as set", "as it would be")] == [1, 1, 2]
    heals = {one["variant"]: one for one in answer["heals"] if one["rule"] == "down"}
    assert heals["as it would be"]["for_nothing"] == 1
    assert [heals[name]["really"] for name in ("as recorded", "as set")] == [1, 1]
    assert {one["what"] for one in answer["examples"]} == {"earlier", "besides for nothing"}
    assert all(one["would_be_at"] for one in answer["examples"])
    (known,) = answer["known"]
    assert (known["component"], known["gaps"], known["plain"]) == ("backend", 0, 0)
    assert answer["read_only"]
    assert (answer["predictions"], answer["ahead_of_time"]) == ([], [])
    assert cli.main(["replay", *past, "--set", "watching.strikes=1"]) == 0
    told = capsys.readouterr().out
    assert "for nothing" in told
    assert "; recovered by itself at 20" in told


def test_without_a_past_it_says_so(place: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """An empty history is told, and is no failure."""
    assert cli.main(["replay", *place, "-o", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["known"], answer["differences"]) == ([], 0)
    assert all(one["found"] == 0 for one in answer["rules"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--set", "watching.strike=2"], "watching.strike: unknown setting; did you mean 'strikes'?"),
        (["--set", "watching.strikes"], "sets nothing"),
        (["--set", "watching.strikes=1", "--set", "watching.strikes=2"], "watching.strikes is set twice"),
        (["--set", "watching.strikes=none"], "watching.strikes: must be a valid integer"),
        (["--set", "watching.strikes=0"], "watching.strikes: must be greater than or equal to 1"),
        (["--set", "components.bakend.start_timeout=1min"], "did you mean 'backend'?"),
        (["--set", "web.port=1"], "no rule that is replayed goes by web.port"),
        (["--set", "prediction.stuck_share=0.5"], "these can be set: prediction.disk_limit, "),
        (["--set", "healing.cooldown=soon"], "is no duration"),
        (["--component", "bakend"], "no component is named 'bakend'; did you mean 'backend'?"),
        (["--rule", "donw"], "no rule is named 'donw'; did you mean 'down'?"),
        (["--since", "soon"], "'soon' is no time, and is no duration"),
        (["--since", "2026-13-01"], "'2026-13-01' is no time"),
        (["--since", "2100-01-01"], "there is nothing between"),
        (["--until", "2020-01-01"], "there is nothing between"),
        (["--until", "0001-01-01T00:00+14:00"], "there is nothing between"),
        (["--since", "9999-12-31T23:59-14:00"], "there is nothing between"),
    ],
)
def test_what_makes_no_sense_is_refused(
    place: list[str], options: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a line that names the mistake; nothing is read."""
    assert cli.main(["replay", *place, *options]) == 2
    assert words in capsys.readouterr().err


def test_a_dead_database_is_told(
    place: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a line, with exit code 1."""
    monkeypatch.setenv("SELFHEAL_DATABASE_URL", "postgresql://nobody:x@127.0.0.1:9/selfheal")
    assert cli.main(["replay", *place]) == 1
    assert "the database does not answer" in capsys.readouterr().err

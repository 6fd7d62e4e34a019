"""What commands print: JSON is JSON, a pipe gets plain stable columns, a terminal gets tables."""

import json
import sys
from datetime import UTC, datetime

import pytest

from console.output import Section, printable, show, shown

NASTY = "a\tb\nc\x1b[31mred [bold]x[/bold]"
SECTION = Section(
    name="parts",
    columns=("part", "since", "ok", "seconds", "detail"),
    rows=[
        {
            "part": "postgres",
            "since": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
            "ok": True,
            "seconds": 1.23456,
            "detail": NASTY,
        },
        {"part": "nats", "since": None, "ok": False, "seconds": None, "detail": ""},
    ],
)


def test_json_is_complete(capsys: pytest.CaptureFixture[str]) -> None:
    """Facts and rows come back with their types; times are ISO 8601."""
    show([SECTION], output="json", facts={"stack": "running"})
    told = json.loads(capsys.readouterr().out)
    assert told["stack"] == "running"
    assert told["parts"][0] == {
        "part": "postgres",
        "since": "2026-01-02T03:04:05+00:00",
        "ok": True,
        "seconds": 1.23456,
        "detail": NASTY,
    }
    assert told["parts"][1]["since"] is None


def test_a_pipe_gets_one_line_per_row(capsys: pytest.CaptureFixture[str]) -> None:
    """Columns are separated by tabs, with a heading; nothing from outside breaks a line or colours it."""
    show([SECTION], output="table")
    heading, first, second = capsys.readouterr().out.splitlines()
    assert heading.split("\t") == ["part", "since", "ok", "seconds", "detail"]
    assert first.split("\t")[:4] == ["postgres", "2026-01-02T03:04:05.000+00:00", "yes", "1.23"]
    assert second.split("\t") == ["nats", "-", "no", "-", "-"]
    assert "\x1b" not in first


def test_several_tables_in_a_pipe_have_titles(capsys: pytest.CaptureFixture[str]) -> None:
    """Each table begins with its name."""
    show([SECTION, Section(name="faults", columns=("component",), rows=[])], output="table")
    assert [line for line in capsys.readouterr().out.splitlines() if line.startswith("#")] == ["# parts", "# faults"]


def test_a_terminal_gets_tables(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Words from outside are no markup, and an empty table says so in words."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "160")
    show([SECTION, Section(name="open_faults", columns=("component",), rows=[])], output="table")
    out = capsys.readouterr().out
    assert "postgres" in out
    assert "[bold]x[/bold]" in out
    assert "open faults" in out
    assert "none" in out


def test_control_characters_become_blanks() -> None:
    """Tabs, line ends, escapes, NUL and lone surrogates are not passed on."""
    assert printable("a\tb\nc\x1b\0\ud800d") == "a b c   d"


def test_times_of_today_are_short() -> None:
    """A person sees the clock of today and the date of other days."""
    assert len(shown(datetime.now(UTC), short=True)) == len("12:00:00")
    assert shown(datetime(2020, 1, 2, 12, tzinfo=UTC), short=True).startswith("2020-01-0")


@pytest.mark.parametrize("width", ["40", "200"])
def test_long_texts_stay_readable(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: str
) -> None:
    """A long text stands beside its row where there is room, else below it, and is never cut into crumbs."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", width)
    row = {"component": "host-listener", "action": "restart-service", "message": "started it"}
    show([Section(name="attempts", columns=tuple(row), rows=[row])], output="table")
    assert "started it" in capsys.readouterr().out

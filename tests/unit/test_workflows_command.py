"""`selfheal workflows --file`: any request file on disk, without a stack and without settings."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from request_files import hazards, request_files

from console.cli import main


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No stack, no settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SELFHEAL_DATA", str(tmp_path / "data"))


def told(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["workflows", *words])
    out, error = capsys.readouterr()
    return code, out, error


def test_json_is_exactly_this(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Four keys, and six of each entry; what is not there is the empty text."""
    path = tmp_path / "any.md"
    path.write_bytes(hazards())
    code, out, _ = told(capsys, "--file", str(path), "-o", "json")
    answer = json.loads(out)
    assert (code, list(answer)) == (0, ["entries", "duplicates", "conflicts", "oddities"])
    assert {tuple(one) for one in answer["entries"]} == {("id", "title", "status", "priority", "owner", "line")}
    assert answer["duplicates"]["REQ-TWICE-1"] == sorted(answer["duplicates"]["REQ-TWICE-1"])
    assert answer["conflicts"]["REQ-TWO-1"] == ["NEW", "COMPLETE"]
    assert {tuple(one) for one in answer["oddities"]} == {("line", "what", "id")}


def test_a_person_reads_tables(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Entries, duplicates, conflicts and oddities, each with its lines."""
    path = tmp_path / "any.md"
    path.write_bytes(hazards())
    code, out, _ = told(capsys, "--file", str(path))
    assert code == 0
    for part in ("# entries", "# duplicates", "# conflicts", "# oddities", "REQ-TWO-1\tNEW, COMPLETE", "has no title"):
        assert part in out


@pytest.mark.parametrize(
    ("what", "code", "said"),
    [("missing", 2, "there is no file"), ("folder", 2, "is a folder"), ("pipe", 2, "is no regular file")],
)
def test_what_is_no_file_is_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, what: str, code: int, said: str
) -> None:
    """One line and what to do, never a traceback."""
    path = tmp_path / "it"
    if what == "folder":
        path.mkdir()
    if what == "pipe":
        os.mkfifo(path)
    found, out, error = told(capsys, "--file", str(path), "-o", "json")
    assert (found, out) == (code, "")
    assert said in error
    assert "what to do" in error


def test_accept_needs_a_reason_and_takes_no_file(capsys: pytest.CaptureFixture[str]) -> None:
    """What a person says is recorded, so they say why; and it is about the file that is watched."""
    assert "--why is empty" in told(capsys, "accept")[2]
    assert "accept takes no --file" in told(capsys, "accept", "--file", "x", "--why", "y")[2]


@given(request_files())
@settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
def test_any_file_is_json(capsys: pytest.CaptureFixture[str], tmp_path: Path, data: bytes) -> None:
    """Whatever is in it."""
    path = tmp_path / "any.md"
    path.write_bytes(data)
    code, out, _ = told(capsys, "--file", str(path), "-o", "json")
    assert (code, list(json.loads(out))) == (0, ["entries", "duplicates", "conflicts", "oddities"])

"""The demo's judgement, its folder, and doctor's time-out: the parts that need no stack."""

import fcntl
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from console import checks, demo_faults, demo_folder
from console.demo_faults import Injected
from console.narrator import Narrator
from deployments.part import PartStatus, State
from selfheal.model.errors import NotAllowed
from selfheal.model.report import HistoryLine

START = datetime(2026, 1, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def attempt(component: str, begin: float, *, status: str = "SUCCESS", verification: str = "HEALED") -> HistoryLine:
    """An attempt that took six seconds."""
    return HistoryLine(
        attempt_id=uuid4(),
        fault_id=uuid4(),
        tenant=None,
        component=component,
        trigger_type="SERVICE_DOWN",
        action="restart-service",
        action_type="RESTART_SERVICE",
        status=status,
        success=status == "SUCCESS",
        execution_ms=100,
        error=None,
        phase=None,
        verification=verification,
        rollback="NOT_NEEDED",
        interrupted=False,
        why="process EXITED",
        message="",
        flow_run=None,
        detected_at=at(begin - 0.1),
        created_at=at(begin),
        act_started_at=at(begin + 0.1),
        act_ended_at=at(begin + 0.2),
        completed_at=at(begin + 6),
    )


FAULTS = (
    Injected(component="frontend", what="frontend killed", at=at(0)),
    Injected(component="broker", what="broker killed", at=at(1)),
    Injected(component="frontend", what="frontend killed again", at=at(10)),
)
GOOD = (attempt("frontend", 0.5), attempt("broker", 1.5), attempt("frontend", 10.5))
STARTS = {"frontend": 2, "broker": 1, "consumer": 0}


def test_a_good_demo_misses_nothing() -> None:
    """Each fault has its own attempt, also when one component broke twice, and nothing is missing."""
    assert demo_faults.missing(FAULTS, GOOD, STARTS, []) == []
    rows = demo_faults.table(FAULTS, GOOD).rows
    assert [row["detect_s"] for row in rows] == [0.4, 0.4, 0.4]
    assert [row["verify_s"] for row in rows] == [6.5, 6.5, 6.5]
    assert demo_faults.totals(FAULTS, GOOD, STARTS) == {
        "broken": 3,
        "healed_once": 3,
        "process_starts": 3,
        "heals_at_once": 2,
    }


@pytest.mark.parametrize(
    ("lines", "starts", "still_open", "said"),
    [
        (GOOD[:2], STARTS, [], "frontend killed again: not healed exactly once (no attempt)"),
        ((*GOOD, attempt("broker", 8)), STARTS, [], "broker killed: not healed exactly once"),
        ((GOOD[0], replace(GOOD[1], verification="UNKNOWN"), GOOD[2]), STARTS, [], "broker killed"),
        (GOOD, {**STARTS, "consumer": 1}, [], "consumer was started 1 times for 0 heals"),
        (GOOD, {**STARTS, "frontend": 3}, [], "frontend was started 3 times for 2 heals"),
        (GOOD, STARTS, ["backend"], "the fault of backend is still open"),
    ],
)
def test_what_is_missing_is_said(
    lines: tuple[HistoryLine, ...], starts: dict[str, int], still_open: list[str], said: str
) -> None:
    """A missing or second heal, a restart too many and an open fault are each named."""
    assert any(one.startswith(said) for one in demo_faults.missing(FAULTS, lines, starts, still_open))


def test_a_folder_of_a_demo_is_emptied(tmp_path: Path) -> None:
    """A folder that a demo made is emptied, links are not followed, and a new one is made where none is."""
    folder = demo_folder.emptied(tmp_path / "demo")
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").touch()
    (folder / "old").mkdir()
    (folder / "old" / "file").touch()
    (folder / "link").symlink_to(tmp_path / "precious")
    demo_folder.emptied(folder)
    assert {path.name for path in folder.iterdir()} == {demo_folder.MARKER, "lock"}
    assert (tmp_path / "precious" / "file").exists()


def test_a_foreign_folder_is_left_alone(tmp_path: Path) -> None:
    """A folder with anything in it that no demo made is refused and not touched."""
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(NotAllowed, match="not empty"):
        demo_folder.emptied(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_running_demo_is_left_alone(tmp_path: Path) -> None:
    """While a stack holds the folder's lock nothing in it is removed."""
    folder = demo_folder.emptied(tmp_path / "demo")
    (folder / "data").touch()
    with (folder / "lock").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(NotAllowed, match="already runs"):
            demo_folder.emptied(folder)
    assert (folder / "data").exists()


def test_a_check_that_hangs_is_a_problem_of_its_own() -> None:
    """The others are told all the same, and what a check raises becomes its line."""
    never = threading.Event()

    def frozen() -> str:
        never.wait()
        return ""

    def broken() -> str:
        raise checks.Problem("dead", hint="start it")

    def bug() -> str:
        raise ValueError("odd")

    found = checks.run({"frozen": frozen, "broken": broken, "bug": bug, "fine": lambda: "well"}, within_s=0.2)
    never.set()
    assert [(one.check, one.ok) for one in found] == [
        ("frozen", False),
        ("broken", False),
        ("bug", False),
        ("fine", True),
    ]
    assert found[1].what_to_do == "start it"


def test_a_line_per_change_of_a_part(capsys: pytest.CaptureFixture[str]) -> None:
    """What has not changed is not told again, and a part that waits from the start is not told at all."""
    part = PartStatus(name="nats", state=State.STARTING, pid=7, restarts=0, last_exit="")
    waiting = replace(part, name="worker", state=State.WAITING, pid=None)
    narrator = Narrator()
    narrator.parts((part, waiting))
    narrator.parts((part, waiting))
    narrator.parts((replace(part, state=State.RESTARTING, pid=None, last_exit="killed by SIGKILL"), waiting))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[1].endswith("nats         restarting (killed by SIGKILL)")

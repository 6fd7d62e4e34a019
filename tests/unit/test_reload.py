"""Reloading without a stack: what is put in force, what is refused, and what is told."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from embedded_fixtures import until

from deployments import accepted
from deployments.reload import ANSWER, REQUEST, Reloader
from selfheal.model.errors import Transient
from selfheal.settings.file import load

RIGHT = '[components.web]\nprobe = "http"\nurl = "http://127.0.0.1:1/"\n'
MORE = RIGHT + '[healing]\nallow = ["web"]\n[prefect]\nport = 4999\n'
WRONG = RIGHT.replace("probe", "prob")
UNKNOWN_ACTION = RIGHT + 'ladder = ["restart-servce"]\n'


@dataclass
class Stack:
    """A data folder whose stack was started with `RIGHT`."""

    data: Path
    file: Path
    lines: list[str] = field(default_factory=list)
    renewed: int = 0
    renew: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        (self.data / "run").mkdir(parents=True)
        self.file.write_text(RIGHT)
        accepted.accept(self.data, accepted.candidate(self.file))
        self.reloader = Reloader(data=self.data, started=load(self.file), renew=self._renew, say=self.lines.append)

    def _renew(self) -> None:
        self.renewed += 1
        self.renew()

    def reload(self, **request: Any) -> dict[str, Any]:
        """Ask as the supervisor does on SIGHUP; gives the answer."""
        if request:
            (self.data / "run" / REQUEST).write_text(json.dumps(request))
        before = len(self.lines)
        self.reloader.ask()
        until(lambda: len(self.lines) > before)
        told: dict[str, Any] = json.loads((self.data / "run" / ANSWER).read_text())
        return told

    def in_force(self) -> str:
        return accepted.copy_in(self.data).read_text()


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    return Stack(data=tmp_path / "data", file=tmp_path / "selfheal.toml")


def test_a_right_file_is_put_in_force_and_a_new_watcher_begun(stack: Stack) -> None:
    """The copy is the edited file, private; the change of the allow-list and what needs a restart are named."""
    stack.file.write_text(MORE)
    assert accepted.differs(stack.data) != ""
    answer = stack.reload(id="7")
    assert (answer["id"], answer["wrong"], stack.renewed, stack.in_force()) == ("7", "", 1, MORE)
    assert accepted.copy_in(stack.data).stat().st_mode & 0o777 == 0o600
    assert {one["change"] for one in answer["changes"]} == {"may now be healed", "changed"}
    assert answer["needs_restart"] == ["prefect.port"]
    assert accepted.about(stack.data).needs_restart == ("prefect.port",)
    assert accepted.differs(stack.data) == ""
    assert not (stack.data / "run" / REQUEST).exists()


@pytest.mark.parametrize(
    ("text", "named"),
    [(WRONG, "components.web.prob"), (UNKNOWN_ACTION, "components.web.ladder: no action is named"), ("[", "no TOML")],
    ids=["unknown setting", "unknown action", "no TOML"],
)
def test_a_wrong_file_changes_nothing(stack: Stack, text: str, named: str) -> None:
    """What is wrong is named, the settings in force stay, no watcher is begun."""
    stack.file.write_text(text)
    answer = stack.reload(id="8")
    assert named in answer["wrong"]
    assert (stack.renewed, stack.in_force()) == (0, RIGHT)
    assert "NOT reloaded" in stack.lines[-1]
    assert accepted.differs(stack.data) != ""


def test_a_missing_file_changes_nothing(stack: Stack) -> None:
    """A file that was taken away is told, and what is in force stays."""
    stack.file.unlink()
    assert "cannot read" in stack.reload()["wrong"]
    assert (stack.renewed, stack.in_force()) == (0, RIGHT)


def test_a_dry_run_only_tells(stack: Stack) -> None:
    """The changes are told; nothing is put in force."""
    stack.file.write_text(MORE)
    assert len(stack.reload(id="9", dry_run=True)["changes"]) == 2
    assert (stack.renewed, stack.in_force()) == (0, RIGHT)


def test_without_prefect_the_settings_are_in_force_all_the_same(stack: Stack) -> None:
    """If the new watcher cannot be begun, that is told; the next one, whenever it starts, reads the new settings."""

    def away() -> None:
        raise Transient("the Prefect server does not answer")

    stack.renew = away
    stack.file.write_text(MORE)
    assert stack.reload()["late"] == "the Prefect server does not answer"
    assert stack.in_force() == MORE


def test_going_back_waits_for_no_restart(stack: Stack) -> None:
    """A port that was set back to what the servers run with no longer waits for a restart."""
    stack.file.write_text(MORE)
    stack.reload()
    stack.file.write_text(RIGHT)
    assert stack.reload()["needs_restart"] == []


def test_the_stacks_environment_stays_above_the_file(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """An overridden setting does not change, and the variable is named, without its value."""
    monkeypatch.setenv("SELFHEAL_WATCHING__STRIKES", "9")
    stack.file.write_text(RIGHT + "[watching]\nstrikes = 2\n")
    answer = stack.reload()
    assert (answer["changes"], answer["overrides"]) == ([], ["SELFHEAL_WATCHING__STRIKES"])

"""A person's word on one real stack: asked by its watcher, answered on the command line, carried out by its watcher."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stack_fixture import StackUnderTest, until

pytestmark = [
    pytest.mark.timeout(400),
    pytest.mark.usefixtures("campaign"),
]  # tests/chaos/test_approved.py has the crashes

BROKEN = "backend"


@pytest.fixture
def asking(stack: StackUnderTest) -> Iterator[StackUnderTest]:
    """The stack, whose restarts ask a person; healthy before and afterwards."""
    until(stack.healthy, told=lambda: stack.selfheal("status").out)
    assert stack.selfheal("actions", "mode", "restart-service", "approve", "--why", "each is asked for").code == 0
    yield stack
    assert stack.selfheal("actions", "mode", "restart-service", "auto", "--why", "the test is over").code == 0
    until(stack.healthy, told=lambda: stack.selfheal("status").out)


def token(stack: StackUnderTest, folder: Path, name: str, role: str) -> Path:
    """A file with a new token of somebody."""
    issued = json.loads(stack.selfheal("token", "issue", name, "--role", role, "-o", "json").out)
    file = folder / name
    file.touch(0o600)
    file.write_text(issued["secret"])
    return file


def questions(stack: StackUnderTest, *words: str) -> list[Any]:
    return list(json.loads(stack.selfheal("approvals", *words, "-o", "json").out)["approvals"])


def test_what_the_watcher_asks_is_approved_and_done(asking: StackUnderTest, tmp_path: Path) -> None:
    """Broken, asked for, approved by somebody with a token, healed by the watcher; the command tells how it ended."""
    grace, starts = token(asking, tmp_path, "grace", "approver"), asking.estate.starts(BROKEN)
    asking.faults.kill(BROKEN)
    until(lambda: bool(questions(asking)), told=lambda: asking.selfheal("status").out)
    (asked,) = questions(asking)
    assert (asked["component"], asked["asked_by"], asked["state"]) == (BROKEN, "watcher", "OPEN")
    assert asking.estate.starts(BROKEN) == starts
    done = asking.selfheal(
        "approvals", "approve", asked["approval"], "--why", "seen", "--token-file", str(grace), "-o", "json"
    )
    told = json.loads(done.out)
    assert (done.code, told["state"], told["decided_by"], told["outcome"]) == (0, "USED", "grace", "SUCCESS"), done
    assert asking.estate.starts(BROKEN) == starts + 1
    again = asking.selfheal("approvals", "approve", asked["approval"], "--why", "again", "--token-file", str(grace))
    assert (again.code, "ALREADY_ANSWERED: grace answered APPROVED" in again.err) == (1, True), again


def test_an_admin_breaks_the_glass(asking: StackUnderTest, tmp_path: Path) -> None:
    """One person's own word: refused to an approver; an admin's heals at once, and is written down as what it is."""
    grace, ada = token(asking, tmp_path, "grace", "approver"), token(asking, tmp_path, "ada", "admin")
    starts = asking.estate.starts(BROKEN)
    asking.faults.kill(BROKEN)
    words = ("heal", BROKEN, "--break-glass", "--why", "nobody else is awake", "-o", "json")
    refused = asking.selfheal(*words, "--token-file", str(grace))
    assert (refused.code, "BREAK_GLASS needs the role admin; yours is approver" in refused.err) == (1, True), refused
    until(lambda: bool(questions(asking)), told=lambda: asking.selfheal("status").out)
    done = asking.selfheal(*words, "--token-file", str(ada))
    assert json.loads(done.out)["state"] == "Healed", done
    assert asking.estate.starts(BROKEN) == starts + 1
    newest = questions(asking, "--ended")[0]
    shown = json.loads(asking.selfheal("approvals", "show", newest["approval"], "-o", "json").out)
    assert (shown["decision"], shown["decided_by"], shown["state"]) == ("BREAK_GLASS", "ada", "USED")

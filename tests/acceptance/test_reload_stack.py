"""An edited settings file against a running stack: a right one takes over, a wrong one changes nothing."""

import os
import signal
from collections.abc import Iterator

import pytest
from stack_fixture import StackUnderTest, until
from stack_records import attempts, forget_attempts, healed_after_kill, watcher

pytestmark = [pytest.mark.timeout(400), pytest.mark.usefixtures("campaign")]  # tests/integration has each part


@pytest.fixture(autouse=True)
def right(stack: StackUnderTest) -> Iterator[str]:
    """The settings as they were, which come back afterwards."""
    until(lambda: stack.ready() and stack.healthy(), seconds=180, told=lambda: stack.selfheal("status").out)
    text = stack.config.read_text()
    yield text
    stack.config.write_text(text)
    assert stack.selfheal("reload").code == 0
    until(lambda: stack.ready() and stack.healthy(), seconds=180, told=lambda: stack.selfheal("status").out)


def test_a_wrong_edit_stops_nothing(stack: StackUnderTest, right: str) -> None:
    """It is refused by name with exit code 2, and what runs goes on with what it had, also after a restart."""
    stack.config.write_text(right.replace("[healing]", "[haeling]"))
    done = stack.selfheal("reload")
    assert (done.code, done.out) == (2, "")
    assert "haeling: unknown setting" in done.err
    assert "NOT IN FORCE" in stack.selfheal("status").out
    worker = stack.part("worker")
    os.kill(worker, signal.SIGKILL)
    until(lambda: stack.part("worker") not in {0, worker} and stack.ready(), seconds=180, told=stack.said)
    healed_after_kill(stack, "host-listener")


def test_a_right_edit_takes_over_while_a_heal_finishes(stack: StackUnderTest, right: str) -> None:
    """A heal under way ends as it began; then the new run watches, and what is no longer allowed is left alone."""
    old = watcher(stack)
    forget_attempts(stack, "orchestrator")
    before = len(attempts(stack, "orchestrator"))
    stack.faults.kill("orchestrator")
    until(lambda: len(attempts(stack, "orchestrator")) > before)
    stack.config.write_text(right.replace('"orchestrator", ', "").replace(', "orchestrator"', ""))
    done = stack.selfheal("reload")
    assert done.code == 0, done.err
    assert "no_longer_healed\torchestrator" in done.out
    until(lambda: watcher(stack).run_id != old.run_id, seconds=60, told=lambda: stack.selfheal("status").out)
    until(lambda: attempts(stack, "orchestrator")[0].status == "SUCCESS", told=lambda: stack.selfheal("history").out)
    assert len(attempts(stack, "orchestrator")) == before + 1
    refused = stack.selfheal("heal", "orchestrator")
    assert refused.code == 1
    assert "not on the allow-list" in refused.out

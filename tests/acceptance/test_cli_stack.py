"""The command line against one real stack that watches and heals a real estate."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from stack_fixture import StackUnderTest, below, until

from benchmarks.freezing import frozen
from console import cli
from deployments import attach

pytestmark = pytest.mark.timeout(400)

AT_START = {"reconcile", "retention"}
"""They are begun with every start, and not only by their schedules."""
PARTS = {"postgres", "nats", "prefect", "worker", "web"}


@pytest.fixture(autouse=True)
def _well(stack: StackUnderTest) -> Iterator[None]:
    """Every test begins and leaves the estate healthy."""
    until(stack.healthy, told=lambda: stack.asked("status").out)
    yield
    until(stack.healthy, told=lambda: stack.asked("status").out)


def answer(stack: StackUnderTest, *words: str) -> Any:
    """The JSON of a command."""
    return json.loads(stack.asked(*words, "-o", "json").out)


def refusals(stack: StackUnderTest) -> int:
    """How many refusals are recorded, equal ones counted."""
    with stack.database() as database:
        return sum(one.occurrences for one in database.reports.refusals(limit=10_000))


def test_up_tells_where_things_are(stack: StackUnderTest) -> None:
    """`up` prints the Prefect UI, the data folder, what is watched and what may be healed, without colours."""
    said = stack.said()
    running = attach.running(stack.data)
    assert running is not None
    for words in (running.urls["prefect"], str(stack.data), "watched", "may be healed", "Ctrl-C"):
        assert words in said
    assert "\x1b" not in said


def test_status_of_a_healthy_stack(stack: StackUnderTest) -> None:
    """Parts, watchers and components are listed, and all is well."""
    until(lambda: stack.asked("status").code == 0, told=lambda: stack.asked("status").out)
    until(lambda: _ran(stack) >= AT_START, told=lambda: stack.asked("status").out)
    told = answer(stack, "status")
    assert {one["part"]: one["state"] for one in told["parts"]} == dict.fromkeys(PARTS, "ready")
    assert {one["status"] for one in told["components"]} == {"OPERATIONAL"}
    assert told["overall"] == "OPERATIONAL"
    assert [one["state"] for one in told["mechanisms"]] == ["watching"]
    turns = {one["mechanism"]: one for one in told["turns"]}
    assert {turns[name]["last_result"] for name in AT_START} == {"ended well"}
    assert {one["state"] for one in turns.values()} <= {"ran", "running", "waiting"}


def _ran(stack: StackUnderTest) -> set[str]:
    """The mechanisms of which a turn has ended."""
    return {one["mechanism"] for one in answer(stack, "status")["turns"] if one["last_result"] is not None}


def test_doctor_of_a_healthy_stack(stack: StackUnderTest) -> None:
    """Every check of the running stack and of the estate is ok."""
    until(lambda: not _problems(stack), told=lambda: str(_problems(stack)))


def _problems(stack: StackUnderTest) -> list[Any]:
    """What doctor finds, but for the environment that runs the tests, and that this estate has nobody to tell."""
    checks = answer(stack, "doctor")["checks"]
    assert len(checks) == 20
    return [one for one in checks if one["result"] != "ok" and one["check"] not in {"packages", "alerts"}]


def test_a_person_heals_through_prefect(stack: StackUnderTest) -> None:
    """A healthy component is not touched: the run says so, and no attempt is made."""
    starts = stack.estate.starts("backend")
    done = stack.selfheal("heal", "backend", "--why", "a test", "-o", "json")
    assert json.loads(done.out)["state"] == "AlreadyHealthy"
    assert done.code == 0
    run = UUID(re.findall(r"/runs/flow-run/([0-9a-f-]+)", done.err)[0])
    running = attach.running(stack.data)
    assert running is not None
    state = httpx.get(f"{running.urls['prefect']}/api/flow_runs/{run}", trust_env=False).json()["state"]
    assert state["name"] == "AlreadyHealthy"
    assert stack.estate.starts("backend") == starts


def test_a_person_heals_what_the_watcher_leaves_alone(stack: StackUnderTest) -> None:
    """A service that a person stopped is left alone by the watcher; `heal` starts it, once, through Prefect."""
    starts = stack.estate.starts("host-listener")
    stack.estate.control().stop("host-listener", timeout=timedelta(seconds=10))
    done = stack.selfheal("heal", "host-listener", "--why", "it was stopped by hand", "-o", "json")
    assert json.loads(done.out)["state"] == "Healed", done.err
    assert done.code == 0
    assert "/runs/flow-run/" in done.err
    assert stack.estate.starts("host-listener") == starts + 1
    (attempt,) = answer(stack, "history", "--component", "host-listener")["attempts"]
    assert (attempt["outcome"], attempt["why"]) == ("SUCCESS", "it was stopped by hand")


def test_a_heal_goes_on_without_prefect(stack: StackUnderTest) -> None:
    """While the Prefect server is frozen the heal runs in this process, says so, and is recorded all the same."""
    server = stack.part("prefect")
    before = refusals(stack)
    with frozen(server):
        done = stack.selfheal("heal", "consumer", "-o", "json")
    assert json.loads(done.out)["state"] == "AlreadyHealthy"
    assert "in this process" in done.err
    assert refusals(stack) == before + 1


def test_a_fault_is_healed_and_told(stack: StackUnderTest) -> None:
    """What the watcher healed is in the history, with its times, and the service was started once."""
    starts = stack.estate.starts("orchestrator")
    stack.faults.kill("orchestrator")

    def attempts() -> list[Any]:
        return list(answer(stack, "history", "--component", "orchestrator")["attempts"])

    until(lambda: any(one["outcome"] == "SUCCESS" for one in attempts()))
    (attempt,) = attempts()
    assert attempt["verification"] == "HEALED"
    assert attempt["action"] == "restart-service"
    assert attempt["total_s"] >= attempt["act_s"] >= 0
    assert stack.estate.starts("orchestrator") == starts + 1
    plain = stack.selfheal("history").out
    assert "\x1b" not in plain
    assert plain.splitlines()[0].split("\t")[:2] == ["when", "component"]


def test_a_dry_run_records_nothing(stack: StackUnderTest) -> None:
    """It tells what would be done and what would refuse it, and leaves no trace."""
    before = refusals(stack)
    told = stack.asked("heal", "backend", "--dry-run", "-o", "json")
    facts = json.loads(told.out)
    assert facts["decision"] == "ALREADY_HEALTHY"
    assert facts["action"] == "restart-service"
    assert "start backend" in facts["steps"]
    assert stack.asked("heal", "backand", "--dry-run").code == 1
    assert refusals(stack) == before


@pytest.mark.parametrize(
    "target",
    ["", "backand", "../x", "*", "back\0end", "x" * 1_000_000],
    ids=["empty", "unknown", "dots", "wildcard", "nul", "huge"],
)
def test_bad_targets_are_refused_and_recorded(
    stack: StackUnderTest,
    target: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A bad target ends as a recorded NOT_ALLOWED with exit code 1; nothing is touched."""
    before, starts = refusals(stack), (stack.estate.folder / "ledger").read_text()
    code = cli.main(["heal", target, "--data", str(stack.data), "-o", "json"])
    told = json.loads(capsys.readouterr().out)
    assert (code, told["state"]) == (1, "NotAllowed")
    assert len(told["message"]) < 500
    assert refusals(stack) == before + 1
    assert (stack.estate.folder / "ledger").read_text() == starts


@pytest.mark.parametrize("why", ["nul \0 byte", "no \udcff text", "x" * 1_000_000], ids=["nul", "bytes", "huge"])
def test_what_prefect_does_not_take_is_still_decided(
    stack: StackUnderTest,
    why: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A reason that Prefect cannot store is decided and recorded by us all the same."""
    before = refusals(stack)
    cli.main(["heal", "backend", "--why", why, "--data", str(stack.data), "-o", "json"])
    told = json.loads(capsys.readouterr().out)
    assert told["state"] in {"AlreadyHealthy", "NotAllowed"}
    assert refusals(stack) == before + 1


def test_a_paused_stack_heals_nothing_and_says_so(stack: StackUnderTest) -> None:
    """Paused: status is bad news and says whose it is, a dry run and a person's heal are refused; resume ends it."""
    try:
        assert stack.selfheal("pause", "--why", "storage move").code == 0
        told = stack.asked("status", "-o", "json")
        facts = json.loads(told.out)
        assert (told.code, facts["healing"], facts["paused_why"]) == (1, "PAUSED", "storage move")
        stack.faults.kill("host-listener")
        dry = stack.asked("heal", "host-listener", "--dry-run", "-o", "json")
        assert json.loads(dry.out)["decision"] == "PAUSED"
        done = stack.asked("heal", "host-listener", "-o", "json")
        assert (done.code, json.loads(done.out)["state"]) == (1, "Paused")
        assert "storage move" in done.out
    finally:
        assert stack.asked("resume", "--why", "the storage is moved").code == 0
    assert answer(stack, "status")["healing"] == "active"


def test_a_second_up_is_refused(stack: StackUnderTest) -> None:
    """A second `up` in the same folder names the first one's process and changes nothing."""
    done = stack.selfheal("up", "--config", str(stack.config))
    assert done.code == 1
    running = attach.running(stack.data)
    assert running is not None
    assert str(running.pid) in done.err
    assert "Traceback" not in done.err
    assert stack.ready()


def test_everything_is_below_the_guardian(stack: StackUnderTest) -> None:
    """Each part's process belongs to `up`, so that none can outlive it."""
    ours = {one.pid for one in below(stack.up.pid)}
    assert {stack.part(name) for name in PARTS} <= ours

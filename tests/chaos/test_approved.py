"""What a person approved, when who approves is killed, or who carries it out, at any place: it is done exactly once.

Each case has a target of its own and real processes; this one is the watcher that survives. Starts are counted from
supervisord's own log.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from chaos_estate import TESTS, TURN_S, Targets, targets, until
from embedded_fixtures import Embedded
from healer import own_trigger
from person_fixtures import Issue
from sqlalchemy import Engine, text

from deployments.embedded import roles
from selfheal.bootstrap import Estate
from selfheal.model.admission import Decision
from selfheal.model.approval import ApprovalDetail
from selfheal.model.identity import Role
from selfheal.model.mode import ActionMode
from selfheal.model.page import Slice
from selfheal.protocol.failpoint import NAMES
from selfheal.protocol.heal import heal
from selfheal.protocol.plain import plain_steps
from selfheal.protocol.reconcile import reconcile
from selfheal.store.approvals import Approvals
from selfheal.store.reading.attempts import Attempts

NOBODY, TAKEN = "after-answer", "after-take"
SHARPEST = (NOBODY, TAKEN, "after-admit", "after-claim", "before-act", "after-act", "after-record")
NEVER_MET = {"before-roll-back", "after-roll-back"}
UNTOUCHED = {"before-act"}  # announced, and the one use of the word is over: another try is another question
AT_ONCE = 4

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def broken(request: pytest.FixtureRequest, empty: Engine, database_url: str, tmp_path: Path) -> Iterator[Targets]:
    """A target per place, each dead."""
    every = [NOBODY, TAKEN, *(name for name in NAMES if name not in NEVER_MET)]
    cases = every if request.config.getoption("--campaign") else list(SHARPEST)
    with targets(tmp_path, cases, never_healthy=set(), database=empty, database_url=database_url) as all_targets:
        for case in cases:
            all_targets.kill(case)
        yield all_targets


def asked(estate: Estate, case: str) -> ApprovalDetail:
    """The question about the case's target."""
    assert heal(plain_steps(estate.healer), own_trigger(case)).answer.decision is Decision.AWAITING_APPROVAL
    approvals = Approvals(estate.engine)
    (one,) = [one for one in approvals.newest(limit=100, ended=False) if one.component == case]
    return approvals.one(one.id)


def approved_and_killed(question: ApprovalDetail, api_url: str, token: str) -> None:
    """Somebody approves, and their process is killed at once."""
    command = [sys.executable, str(Path(__file__).with_name("approver.py")), str(question.id), question.fingerprint]
    environment = {
        **os.environ,
        "SELFHEAL_API_DATABASE_URL": api_url,
        "SELFHEAL_TOKEN": token,
        "PYTHONPATH": str(TESTS),
    }
    assert subprocess.run(command, env=environment, check=False).returncode == -signal.SIGKILL


def killed_at_its_place(broken: Targets, case: str) -> None:
    """The process that carries out what was approved meets its end."""
    if case == NOBODY:
        return
    failpoint, options = (f"{case}:kill", ("--approved",)) if case != TAKEN else ("", ("--approved", "--die"))
    healer = broken.healer(case, failpoint=failpoint, options=options)
    assert healer.wait(timeout=60) == -signal.SIGKILL, case


@contextmanager
def survivor(broken: Targets) -> Iterator[None]:
    """A watcher's turns: settle what the dead left behind, and carry out what waits."""
    estate, stop = broken.estate(), threading.Event()

    def run() -> None:
        while not stop.wait(TURN_S):
            reconcile(estate.healer, plain_steps(estate.healer))
            for trigger in estate.due():
                heal(plain_steps(estate.healer), trigger)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        estate.close()


def free_again(broken: Targets) -> None:
    """What a dead process had in its hands is due again, as some seconds later."""
    with broken.database.begin() as connection:
        connection.execute(text("UPDATE raised_triggers SET next_try_at = now()"))


def test_what_is_approved_is_done_exactly_once_whoever_dies(
    broken: Targets, embedded_postgres: Embedded, issued: Issue
) -> None:
    """The word is used by one attempt with one outcome, and its target is started once, or not at all."""
    estate = broken.estate()
    estate.modes.set("restart-service", ActionMode.APPROVE, who="ada", why="each is asked for")
    questions = {case: asked(estate, case) for case in broken.ports}
    api_url, (token, _) = embedded_postgres.url(roles.API), issued("grace", Role.APPROVER)
    for case in broken.ports:  # one after the other: whoever takes takes all that is due
        approved_and_killed(questions[case], api_url, token)
        killed_at_its_place(broken, case)
    free_again(broken)
    approvals = Approvals(broken.database)
    with survivor(broken):
        for case, question in questions.items():
            until(
                lambda question=question: bool(  # type: ignore[misc]
                    (attempt := approvals.one(question.id).attempt) and attempt.status not in {"PENDING", "RUNNING"}
                ),
                seconds=60,
                what=f"{case} is settled",
            )
    with ThreadPoolExecutor(AT_ONCE) as pool:
        again = list(
            pool.map(lambda one: heal(plain_steps(estate.healer), estate.raised.of(one.id)), questions.values())
        )
    assert all(one.answer.repeated for one in again if one.answer.admitted)
    history = Attempts(broken.database).page(Slice(limit=100)).items
    for case, question in questions.items():
        used = approvals.one(question.id)
        tried = [one for one in history if one.component == case]
        assert (used.state, [one.attempt_id for one in tried]) == ("USED", [used.attempt_id]), case
        assert broken.starts(case) == (1 if case in UNTOUCHED else 2), case
        assert (tried[0].status == "SUCCESS") == (case not in UNTOUCHED), (case, tried)
    estate.close()

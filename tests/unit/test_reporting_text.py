"""The text of the pages that heals leave in the Prefect UI."""

from dataclasses import replace
from datetime import timedelta

import pytest
from fakes import NOON
from uuid6 import uuid7

from selfheal.logs import hide
from selfheal.model.admission import Answer, Decision
from selfheal.model.approval import Approval, ApprovalState
from selfheal.model.attempt import Outcome, RollbackOutcome, Status, Verification
from selfheal.model.rate import Estimate, Rates
from selfheal.model.report import FaultLine, HistoryLine, RefusalLine
from selfheal.model.story import AttemptStory, FaultStory
from selfheal.model.web_address import WebAddress
from selfheal.policy.asking import unproven
from tasks.reporting import rates
from tasks.reporting.healing_report import healing_report
from tasks.reporting.markdown import block, words
from tasks.reporting.refusal_report import ADVICE, refusal_report

WEB = WebAddress(base="https://selfheal.example")
SECOND = timedelta(seconds=1)
HEALED = Outcome(
    status=Status.SUCCESS,
    verification=Verification.HEALED,
    message="started backend; healed: 200",
    rollback=RollbackOutcome.NOT_NEEDED,
)
FAULT = FaultLine(
    id=uuid7(), component="backend", group="", trigger_type="SERVICE_DOWN", priority="HIGH", detected_at=NOON,
    verified_at=None, closed_at=None, resolution=None, attempts=1, needs_person=None, start_missed_at=None,
    rests_until=None,
)  # fmt: skip
LINE = HistoryLine(
    attempt_id=uuid7(), fault_id=FAULT.id, tenant=None, component="backend", trigger_type="SERVICE_DOWN",
    action="restart-service", action_type="SERVICE_RESTART", status="SUCCESS", success=True, execution_ms=1250,
    error=None, phase="verifying", verification="HEALED", rollback="NOT_NEEDED", interrupted=False,
    why="process EXITED", message=HEALED.message, flow_run=None, detected_at=NOON, created_at=NOON + SECOND / 2,
    act_started_at=NOON + SECOND, act_ended_at=NOON + 2 * SECOND, completed_at=NOON + 8 * SECOND,
)  # fmt: skip
ATTEMPT = AttemptStory(
    line=LINE,
    seen={"health": "SICK", "detail": "process EXITED", "observed_at": NOON.isoformat()},
    steps=("start backend",),
    rollback={"restore": "stopped"},
    evidence={"log": "Traceback\n| <b>boom</b>", "state": "EXITED"},
)
BEFORE = RefusalLine(
    component="backend", decision="PAUSED", reason="paused by ada", source="watcher", occurrences=3,
    first_at=NOON, last_at=NOON,
)  # fmt: skip
STORY = FaultStory(fault=FAULT, attempts=(ATTEMPT,), refusals=(BEFORE,), questions=())
ASKED = Approval(
    id=uuid7(), state=ApprovalState.OPEN, action="apply-migration", component="levels",
    asked_by="bob (through Prefect)", why="it is gone", preview=("run levels.sql",),
    blast_radius="levels; nothing depends on it", asked_at=NOON, expires_at=NOON + timedelta(hours=1),
    fingerprint="f" * 64, decision=None, decided_at=None, decided_by=None, decided_via=None, decision_why=None,
    use_by=None, attempt_id=None,
)  # fmt: skip


def report(attempt: AttemptStory = ATTEMPT, outcome: Outcome = HEALED, web: WebAddress = WEB) -> str:
    return healing_report(replace(STORY, attempts=(attempt,)), attempt, outcome, web)


def test_a_report_tells_the_whole_heal() -> None:
    """Outcome, link, each step with its time, what was seen, why it was decided, the act, the proof, the way back."""
    told = report()
    for part in (
        r"# Healed: restart\-service on backend",
        f"(https://selfheal.example/faults/{FAULT.id})",
        "| detected | 2026-01-01 12:00:00.000 |  |",
        "| admitted | 2026-01-01 12:00:00.500 | 0.50 s |",
        "| verified and recorded | 2026-01-01 12:00:08.000 | 6.00 s |",
        "| **in all** |  | 8.00 s |",
        "Looked at before admission: SICK, process EXITED",
        r"attempt 1 on this fault, for SERVICE\_DOWN with priority HIGH",
        "Refused before, 3 times: PAUSED, paused by ada",
        "- start backend",
        "(1.25 s)",
        "It was seen healthy, and once more",
        "There was a way back, and it was not needed.",
        "log:\n\n```text\nTraceback\n| <b>boom</b>\n```",
        "- state: EXITED",
    ):
        assert part in told


def test_a_report_of_what_was_not_touched_says_so() -> None:
    """Without an act there is nothing that was done or proved, and no page without a web server."""
    line = replace(LINE, act_started_at=None, act_ended_at=None, verification=None, execution_ms=None)
    told = report(replace(ATTEMPT, line=line, evidence={}, rollback=None), web=WebAddress())
    assert "Nothing: the target was not touched." in told
    assert "There was no act to verify." in told
    assert "None was kept." in told
    assert "](" not in told


@pytest.mark.parametrize("rollback", RollbackOutcome)
@pytest.mark.parametrize("verification", Verification)
def test_every_end_has_its_words(rollback: RollbackOutcome, verification: Verification) -> None:
    """No verification and no rollback is told as if it were unknown to us."""
    line = replace(LINE, rollback=rollback.value, verification=verification.value)
    told = report(replace(ATTEMPT, line=line))
    assert "Nothing is recorded of it." not in told
    assert "There was no act to verify." not in told


def test_what_came_from_outside_is_no_markup_and_no_secret() -> None:
    """Neither links, images and HTML, nor fences, nor secrets of what a probe or a log said come through."""
    hide(["hunter22"])
    assert words("a [x](javascript:alert(1)) <img> |\n# b") == (r"a \[x\]\(javascript:alert\(1\)\) \<img\> \| \# b")
    assert words("http://evil.example www.evil.example a@b.example") == (
        r"http\://evil.example www\.evil.example a\@b.example"
    )
    assert block("```\nout").startswith("````text\n```\nout")
    told = report(
        replace(ATTEMPT, line=replace(LINE, why="password=x1y2 hunter22"), evidence={"log": "hunter22 token: abc123"})
    )
    assert not any(secret in told for secret in ("hunter22", "x1y2", "abc123"))


def test_long_evidence_is_shortened_to_its_end() -> None:
    """Of a long log the last lines are kept, and it says that it was shortened."""
    told = report(replace(ATTEMPT, evidence={"log": "first\n" + "x\n" * 40_000 + "the reason"}))
    assert "the reason" in told
    assert "(shortened)" in told
    assert "first" not in told.split("## Evidence")[1]
    assert len(told) < 10_000


@pytest.mark.parametrize("decision", [one for one in Decision if one is not Decision.ADMITTED])
def test_every_refusal_has_advice(decision: Decision) -> None:
    """Its name, its reason, what it means, and the way to the fault stand on its page."""
    answer = Answer(decision=decision, reason="because", fault_id=FAULT.id, retry_at=NOON)
    told = refusal_report("backend", "process EXITED", answer, [ASKED], WEB)
    assert told.startswith(f"# {''.join(word.capitalize() for word in decision.split('_'))}: backend")
    assert "because" in told
    assert ADVICE[decision] in told
    assert WEB.fault(FAULT.id) in told
    assert ("yes or no?" in told) == (decision is Decision.AWAITING_APPROVAL)


def test_a_question_tells_who_may_answer_and_where() -> None:
    """Its page, its command, what it would do and touch, who asked and until when."""
    answer = Answer(decision=Decision.AWAITING_APPROVAL, reason="it waits", fault_id=FAULT.id)
    told = refusal_report("levels", "it is gone", answer, [ASKED], WEB)
    for part in (
        WEB.approval(ASKED.id),
        f"`selfheal approvals approve {ASKED.id} --why ...`",
        "role approver or admin",
        r"bob \(through Prefect\), open until 2026-01-01 13:00:00.000 UTC",
        "run levels.sql",
        "It touches levels; nothing depends on it",
    ):
        assert part in told


def test_rates_are_told_with_their_intervals_by_action() -> None:
    """A line for each action and the total last; lines about components are left out, what is unknown is empty."""
    none = Estimate(value=None, low=None, high=None)
    one = Rates(
        action_type="SERVICE_RESTART", component=None, attempts=4, healed=3, recurred=0, prevented=0,
        success=Estimate(value=0.75, low=0.3, high=0.95), mttr_s=Estimate(value=8, low=None, high=None),
        recurrence=none, saved=Estimate(value=-50, low=-70, high=20),
    )  # fmt: skip
    found = rates.rows([replace(one, action_type=None), one, replace(one, component="backend")])
    assert [row["action"] for row in found] == ["SERVICE_RESTART", "all actions"]
    assert list(found[0].values())[3:] == ["75% (30% to 95%)", "8.0 s", "", "-$50 (-$70 to $20)"]


def test_a_name_that_came_through_prefect_is_marked_once() -> None:
    """Whoever types the mark, or a name that fills all the room, is marked all the same; nobody stays nobody."""
    assert unproven(" marcus ") == unproven(unproven("marcus")) == "marcus (through Prefect)"
    assert unproven("x" * 500).endswith("x (through Prefect)")
    assert len(unproven("x" * 500)) <= 100
    assert unproven("  ") == ""

"""A person's word: who may give it, that it is given once and used once, for what it was given and for nothing else."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from admission_desk import WIDE
from approval_desk import ASKING, HEALTHY, Counter, person
from estate_fixtures import until
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, ProgrammingError
from uuid6 import uuid7

from selfheal.model.admission import Decision
from selfheal.model.approval import AnswerRefusal, AnswerRefused, ApprovalDetail, ApprovalState, Word
from selfheal.model.errors import NotAllowed
from selfheal.model.identity import Door, Role
from selfheal.model.trigger import Source, TriggerType
from selfheal.store.pauses import Pauses

RACERS = 8
LONG_AGO = timedelta(minutes=61)


def race(work: Callable[[int], Any]) -> list[Any]:
    """All at the same moment."""
    start = threading.Barrier(RACERS, timeout=30)

    def one(number: int) -> Any:
        start.wait()
        return work(number)

    with ThreadPoolExecutor(RACERS) as pool:
        return list(pool.map(one, range(RACERS)))


# -- asked, answered, used


def test_what_is_approved_is_done_once(counter: Counter) -> None:
    """Asked, approved, due, admitted: the attempt tells by whose word, and neither it nor the word is had twice."""
    asked = counter.ask()
    answered = counter.answer(asked, why="it is Sunday")
    assert (answered.state, answered.decision, answered.decided_by, answered.decided_via) == (
        "APPROVED", Word.APPROVED, "grace", "cli",
    )  # fmt: skip
    assert answered.use_by - answered.decided_at == timedelta(minutes=10)
    (trigger,) = counter.due()
    assert (trigger.component, trigger.action, trigger.source, trigger.approval) == (
        "backend", "restart-service", Source.WATCHER, asked.id,
    )  # fmt: skip
    answer = counter.admit(trigger)
    assert answer.admitted
    assert counter.due() == []
    used = counter.approvals.one(asked.id)
    assert (used.state, used.attempt_id, used.attempt and used.attempt.status) == (
        "USED", answer.attempt_id, "PENDING",
    )  # fmt: skip
    assert counter.one("SELECT mode FROM healing_actions") == "approve"
    kept = counter.one("SELECT metadata -> 'approval' FROM healing_actions")
    assert (kept["id"], kept["by"], kept["why"], kept["decision"]) == (
        str(asked.id), "grace", "it is Sunday", "APPROVED",
    )  # fmt: skip
    again = counter.admit(trigger)
    assert (again.decision, again.repeated, again.attempt_id) == (Decision.ADMITTED, True, answer.attempt_id)
    assert counter.one("SELECT count(*) FROM healing_actions") == 1


def test_the_attempt_knows_what_was_approved(counter: Counter) -> None:
    """Whoever carries it out, whenever that is, can tell whether that is still what would be done."""
    asked = counter.ask()
    counter.answer(asked)
    (trigger,) = counter.due()
    attempt_id = counter.admit(trigger).attempt_id
    assert attempt_id is not None
    attempt = counter.heals.attempt(attempt_id)
    assert attempt is not None
    assert (attempt.approved, attempt.target) == (asked.fingerprint, asked.target)


def test_whoever_asks_knows_what_they_are_asked(counter: Counter) -> None:
    """All of the question can be read before it is answered: plan, parameters, evidence, fault, who and why."""
    counter.admit(counter.trigger(who="ada", reason="slow since noon"), parameters={"view": "stock"})
    (listed,) = counter.approvals.newest(limit=5, ended=False)
    asked = counter.approvals.one(listed.id)
    assert (asked.asked_by, asked.why, asked.preview, asked.blast_radius) == (
        "ada", "slow since noon", ("restart it",), "it",
    )  # fmt: skip
    assert (asked.parameters, asked.evidence, asked.target) == (
        {"view": "stock"}, {"log": ["it is gone"]}, "supervisor/demo/backend",
    )  # fmt: skip
    assert (asked.attempts, asked.fault_closed_at, asked.decision, asked.attempt) == ((), None, None, None)


def test_a_persons_own_question_keeps_who_asked(counter: Counter) -> None:
    """The run that an approval begins is still the trigger of whoever asked, and passes what a person's word passes."""
    counter.answer(counter.ask(who="ada"))
    (trigger,) = counter.due()
    assert (trigger.source, trigger.who) == (Source.PERSON, "ada")


def test_many_healers_of_one_word_make_one_heal(counter: Counter) -> None:
    """Eight at the same moment with the raised trigger, and eight with triggers of their own and the same word."""
    asked = counter.ask()
    counter.answer(asked)
    (trigger,) = counter.due()
    answers = race(lambda number: counter.admit(trigger if number % 2 else replace(trigger, id=uuid7())))
    assert sum(one.admitted and not one.repeated for one in answers) == 1
    assert len({one.attempt_id for one in answers if one.admitted}) == 1
    assert counter.one("SELECT count(*) FROM healing_actions") == 1
    assert counter.state(asked) == "USED"


def test_another_ones_word_makes_no_second_heal(counter: Counter) -> None:
    """A trigger that needs no word and brings one that is not its own: its id has one answer all the same."""
    other = counter.ask("frontend")
    counter.answer(other)
    trigger = counter.trigger(approval=other.id)
    auto = (replace(ASKING, mode="auto"),)
    first = counter.admit(trigger, rungs=auto)
    counter.end(first)
    again = counter.admit(trigger, rungs=auto)
    assert (first.admitted, again.repeated, again.attempt_id) == (True, True, first.attempt_id)
    assert counter.one("SELECT mode FROM healing_actions") == "auto"
    assert counter.state(other) == "APPROVED"


def test_a_word_that_ends_while_it_is_being_used_is_not_used(counter: Counter) -> None:
    """Somebody who saw the component healthy is closing it: the heal waits for them, and is not admitted."""
    asked = counter.ask()
    counter.answer(asked)
    (trigger,) = counter.due()
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    with ThreadPoolExecutor(1) as pool:
        with counter.engine.begin() as connection:
            connection.execute(text("SELECT end_word(:id, 'OVERTAKEN')"), {"id": asked.id})
            admitting = pool.submit(counter.admit, trigger)
            until("it waits for the word", lambda: admitting.done() or counter.one(waiting) > 0)
        assert admitting.result().decision is Decision.STALE_TRIGGER
    assert counter.state(asked) == "OVERTAKEN"
    assert counter.one("SELECT count(*) FROM healing_actions") == 0


# -- what stands in the way for a while does not burn the word


def test_a_refusal_that_passes_leaves_the_word(counter: Counter) -> None:
    """Paused, then at the blast radius: refused by name under one trigger id, again and again, then admitted."""
    asked = counter.ask()
    counter.answer(asked)
    (trigger,) = counter.due()
    Pauses(counter.engine).pause(who="ada", why="move")
    assert [counter.admit(trigger).decision for _ in range(2)] == [Decision.PAUSED] * 2
    Pauses(counter.engine).resume(who="ada", why="moved")
    busy = counter.admit(counter.trigger("busy"), rungs=(replace(ASKING, mode="auto"),))
    full = replace(counter, limits=replace(WIDE, at_once=1))
    assert full.admit(trigger).decision is Decision.BLAST_RADIUS
    assert counter.state(asked) == "APPROVED"
    counter.end(busy)
    assert [one.id for one in counter.due()] == [trigger.id]
    assert full.admit(trigger).admitted
    assert counter.state(asked) == "USED"


def test_a_trigger_without_the_word_waits_for_it(counter: Counter) -> None:
    """The watcher's next trigger neither takes another one's word nor asks again while it stands."""
    asked = counter.ask()
    counter.answer(asked)
    answer = counter.admit(counter.trigger())
    assert answer.decision is Decision.AWAITING_APPROVAL
    assert "was approved by grace" in answer.reason
    assert counter.state(asked) == "APPROVED"
    assert counter.one("SELECT count(*) FROM approvals") == 1


# -- refused by name


def expired(counter: Counter, asked: ApprovalDetail) -> None:
    counter.passes(LONG_AGO)


def answered_before(counter: Counter, asked: ApprovalDetail) -> None:
    counter.answer(asked, person("mary"), why="I know it")


def used_before(counter: Counter, asked: ApprovalDetail) -> None:
    answered_before(counter, asked)
    assert counter.admit(counter.due()[0]).admitted


def overtaken(counter: Counter, asked: ApprovalDetail) -> None:
    counter.recovers()


def nothing(counter: Counter, asked: ApprovalDetail) -> None:
    """The person is the reason."""


@pytest.mark.parametrize(
    ("before", "by", "seen", "code", "words"),
    [
        (expired, person(), None, "EXPIRED", "could be answered until"),
        (answered_before, person(), None, "ALREADY_ANSWERED", "mary answered APPROVED at 20"),
        (used_before, person(), None, "ALREADY_ANSWERED", "I know it"),
        (nothing, person("ada"), None, "SELF_APPROVAL", "ada (as root) asked for this"),
        (nothing, person(" ADA "), None, "SELF_APPROVAL", "somebody else must approve it"),
        (nothing, person("\uff21\uff24\uff21"), None, "SELF_APPROVAL", "--break-glass"),
        (nothing, person(), "f" * 64, "CHANGED", "what you saw is not"),
        (overtaken, person(), None, "OVERTAKEN", "was healthy again before"),
        (nothing, person(role=Role.VIEWER), None, "WRONG_ROLE", "needs the role approver; yours is viewer"),
        (nothing, person(role=Role.OPERATOR), None, "WRONG_ROLE", "needs the role approver; yours is operator"),
    ],
    ids=[
        "expired", "replayed", "replayed-used", "self", "self-case", "self-unicode", "changed", "overtaken", "viewer",
        "operator",
    ],
)  # fmt: skip
def test_an_answer_is_refused_by_name(  # noqa: PLR0917 - the table's columns
    counter: Counter,
    before: Callable[[Counter, ApprovalDetail], None],
    by: Any,
    seen: str | None,
    code: str,
    words: str,
) -> None:
    """And nothing is changed: no word, no trigger, no alert."""
    asked = counter.ask(who="ada (as root)")
    before(counter, asked)
    known, raised = counter.approvals.one(asked.id), counter.one("SELECT count(*) FROM raised_triggers")
    alerts = counter.one("SELECT count(*) FROM alert_outbox")
    with pytest.raises(AnswerRefused, match=code) as refused:
        counter.answer(asked if seen is None else replace(asked, fingerprint=seen), by)
    assert refused.value.code is AnswerRefusal(code)
    assert words in str(refused.value)
    assert counter.approvals.one(asked.id) == known
    assert counter.one("SELECT count(*) FROM raised_triggers") == raised
    assert counter.one("SELECT count(*) FROM alert_outbox") == alerts


def test_an_unknown_question_is_refused_by_name(counter: Counter) -> None:
    """Nobody can answer what was never asked."""
    asked = counter.ask()
    with pytest.raises(AnswerRefused) as refused:
        counter.answer(replace(asked, id=uuid7()))
    assert refused.value.code is AnswerRefusal.UNKNOWN


def test_the_database_itself_takes_no_self_approval(counter: Counter) -> None:
    """Whatever writes the answer: a row in which somebody approves what they asked for is refused."""
    asked, ada = counter.ask(who="ada"), counter.let_in(person("Ada"))
    with pytest.raises(IntegrityError, match="approvals_check"):
        counter.write_answer(asked, ada)


@pytest.mark.parametrize(
    ("word", "forged"),
    [
        ("APPROVED", {"proof": b""}),
        ("APPROVED", {"proof": b"x" * 32}),
        ("APPROVED", {"name": "mary"}),
        ("APPROVED", {"token": None}),
        ("APPROVED", {"token": uuid7()}),
        ("BREAK_GLASS", {}),
        ("DENIED", {"proof": b""}),
    ],
)
def test_an_answer_without_a_secret_behind_it_is_refused(counter: Counter, word: str, forged: dict[str, Any]) -> None:
    """Who has the web server's role and no approver's secret writes no answer, whatever names and ids it knows."""
    asked, grace = counter.ask(), counter.let_in(person())
    with pytest.raises(ProgrammingError, match="no token that lives and may answer"):
        counter.write_answer(asked, replace(grace, **forged), word)
    counter.write_answer(asked, grace)


@pytest.mark.parametrize(
    "change",
    [
        "role = 'operator'",
        "tenant_id = gen_random_uuid()",
        "expires_at = now()",
        "revoked_at = now(), revoked_by = 'r', revoked_why = 'x'",
    ],
)
def test_a_token_that_may_not_answer_proves_nothing(counter: Counter, change: str) -> None:
    """Of another role, of a tenant, expired, taken back: the database looks at the moment of the answer."""
    asked, grace = counter.ask(), counter.let_in(person())
    counter.run(f"UPDATE person_tokens SET {change}, created_at = '2000-01-01'")  # noqa: S608 - written above
    with pytest.raises(NotAllowed, match="no token that lives and may answer"):
        counter.approvals.answer(
            asked.id, approve=True, identity=grace, door=Door.API, why="seen", fingerprint=asked.fingerprint
        )
    assert counter.state(asked) == "OPEN"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE approvals SET closed_at = now(), closing = 'EXPIRED'",
        "UPDATE approvals SET closed_at = now(), closing = 'OVERTAKEN' WHERE decision IS NULL",
    ],
)
def test_who_answers_does_nothing_else_to_a_question(counter: Counter, statement: str) -> None:
    """The web server's role neither hides a question nor lengthens a word that was given."""
    asked = counter.ask()
    with pytest.raises(ProgrammingError, match="row-level security"), counter.api.begin() as connection:
        connection.execute(text(statement))
    counter.answer(asked)
    with counter.api.begin() as connection:
        assert connection.execute(text("UPDATE approvals SET use_by = 'infinity'")).rowcount == 0


def test_of_many_answers_at_once_one_counts(counter: Counter) -> None:
    """Half approve, half deny, at the same moment: one answer, one trigger at most, and the others are told whose."""
    asked = counter.ask()

    def answer(number: int) -> Any:
        try:
            return counter.answer(asked, person(f"person-{number}"), approve=number % 2 == 0)
        except AnswerRefused as refused:
            return refused

    told = race(answer)
    (winner,) = [one for one in told if not isinstance(one, AnswerRefused)]
    losers = [one for one in told if isinstance(one, AnswerRefused)]
    assert {one.code for one in losers} == {AnswerRefusal.ALREADY_ANSWERED}
    assert all(f"{winner.decided_by} answered {winner.decision} at" in str(one) for one in losers)
    assert counter.one("SELECT count(*) FROM raised_triggers") == int(winner.decision is Word.APPROVED)
    assert counter.one("SELECT count(*) FROM alert_outbox WHERE dedup_key LIKE 'answer/%'") == 1


# -- what has changed by the time it would be done


def test_a_changed_payload_is_not_done_and_is_asked_anew(counter: Counter) -> None:
    """The plan, made again at execution, has other parameters: the word is CHANGED, and the plan is a new question."""
    asked = counter.ask()
    counter.answer(asked)
    (trigger,) = counter.due()
    answer = counter.admit(trigger, parameters={"force": True})
    assert answer.decision is Decision.AWAITING_APPROVAL
    assert "CHANGED: what grace approved is no longer what would be done" in answer.reason
    assert counter.state(asked) == "CHANGED"
    (new,) = counter.approvals.newest(limit=5, ended=False)
    assert (new.state, str(new.id) in answer.reason, new.fingerprint == asked.fingerprint) == ("OPEN", True, False)
    assert counter.due() == []
    assert counter.one("SELECT count(*) FROM healing_actions") == 0
    counter.answer(counter.approvals.one(new.id))
    assert counter.admit(counter.due()[0], parameters={"force": True}).admitted


def test_a_recovery_before_the_act_ends_the_word(counter: Counter) -> None:
    """It looks healthy at execution: nothing is done, and the word cannot be kept for the next fault."""
    asked = counter.ask()
    counter.answer(asked)
    (trigger,) = counter.due()
    assert counter.admit(trigger, refusal=HEALTHY).decision is Decision.ALREADY_HEALTHY
    assert counter.state(asked) == "OVERTAKEN"
    assert counter.due() == []


def test_a_word_ends_with_its_fault(counter: Counter) -> None:
    """The fault was closed meanwhile, and the component broke again: that is another question."""
    asked = counter.ask()
    counter.answer(asked)
    (trigger,) = counter.due()
    counter.recovers()
    refused = counter.admit(trigger)
    assert refused.decision is Decision.NOT_ALLOWED
    assert f"approval {asked.id} is OVERTAKEN" in refused.reason
    assert counter.ask().id != asked.id


def test_a_word_that_is_not_used_in_time_is_void(counter: Counter) -> None:
    """Ten minutes after it was given nothing begins any more; the next trigger asks anew."""
    asked = counter.ask()
    counter.answer(asked)
    (trigger,) = counter.due()
    counter.passes(timedelta(minutes=11))
    assert counter.due() == []
    refused = counter.admit(trigger)
    assert (refused.decision, "is EXPIRED" in refused.reason) == (Decision.NOT_ALLOWED, True)
    assert counter.ask().id != asked.id
    assert counter.state(asked) == ApprovalState.EXPIRED


@pytest.mark.parametrize("word", ["open", "unknown", "other", "used", "denied"])
def test_a_word_brought_by_hand_gives_nothing_more(counter: Counter, word: str) -> None:
    """What a person types into Prefect's form is no answer: nothing is admitted but what was approved, once."""
    asked = counter.ask("frontend" if word == "other" else "backend")
    if word in {"other", "used"}:
        counter.answer(asked)
    if word == "used":
        counter.end(counter.admit(counter.due()[0]))
    if word == "denied":
        counter.answer(asked, approve=False)
    before = counter.one("SELECT count(*) FROM healing_actions")
    brought = counter.trigger("backend", who="mallory", approval=uuid7() if word == "unknown" else asked.id)
    answer = counter.admit(brought)
    assert answer.decision is (Decision.AWAITING_APPROVAL if word == "open" else Decision.NOT_ALLOWED), answer
    assert counter.one("SELECT count(*) FROM healing_actions") == before
    assert counter.state(asked) == {"open": "OPEN", "unknown": "OPEN", "other": "APPROVED", "used": "USED"}.get(
        word, "DENIED"
    )


# -- denied


def test_what_is_denied_stays_a_persons(counter: Counter) -> None:
    """No watcher asks again for the same fault, the fault says whose it is; the next fault is another question."""
    asked = counter.ask()
    denied = counter.answer(asked, approve=False, why="the disk comes first")
    assert (denied.state, denied.decision, denied.use_by) == ("DENIED", Word.DENIED, None)
    refused = counter.admit(counter.trigger())
    assert (refused.decision, refused.retry_at) == (Decision.NOT_ALLOWED, None)
    assert "grace denied restart-service on backend: the disk comes first" in refused.reason
    assert counter.one("SELECT needs_person FROM faults") == "grace denied restart-service: the disk comes first"
    assert counter.due() == []
    counter.recovers()
    assert counter.ask().id != asked.id


def test_a_person_may_ask_again_for_what_was_denied(counter: Counter) -> None:
    """Their question waits for somebody else's word as any other."""
    denied = counter.ask()
    counter.answer(denied, approve=False)
    asked = counter.ask(who="ada")
    assert (asked.id != denied.id, asked.state) == (True, "OPEN")


def test_denying_needs_a_reason(counter: Counter) -> None:
    """Who asked is to know why."""
    asked = counter.ask()
    with pytest.raises(AnswerRefused) as refused:
        counter.answer(asked, approve=False, why="  ")
    assert refused.value.code is AnswerRefusal.NO_REASON
    assert counter.state(asked) == "OPEN"


def test_who_asked_may_take_it_back(counter: Counter) -> None:
    """To deny one's own question gives nobody anything."""
    asked = counter.ask(who="ada")
    assert counter.answer(asked, person("ada"), approve=False, why="a mistake").state == "DENIED"


# -- break-glass


def test_an_admin_may_break_the_glass(counter: Counter) -> None:
    """Their own question, by their own word, once; the row and a CRITICAL alert say so."""
    asked = counter.ask(who="ada")
    admin = counter.let_in(person("ada", Role.ADMIN))
    broken = counter.approvals.break_glass(
        asked.id, identity=admin, door=Door.CLI, why="nobody is awake", fingerprint=asked.fingerprint
    )
    assert (broken.state, broken.decision, broken.decided_by) == ("APPROVED", Word.BREAK_GLASS, "ada")
    assert counter.one("SELECT message FROM alert_outbox WHERE severity = 'CRITICAL'") == (
        "ada broke the glass: one person's own word for restart-service on backend: nobody is awake"
    )
    assert counter.admit(counter.due()[0]).admitted
    assert counter.one("SELECT metadata -> 'approval' ->> 'decision' FROM healing_actions") == "BREAK_GLASS"
    with pytest.raises(AnswerRefused) as refused:
        counter.approvals.break_glass(
            asked.id, identity=admin, door=Door.CLI, why="again", fingerprint=asked.fingerprint
        )
    assert refused.value.code is AnswerRefusal.ALREADY_ANSWERED


@pytest.mark.parametrize(
    ("role", "why", "code"), [(Role.APPROVER, "now", "WRONG_ROLE"), (Role.ADMIN, " ", "NO_REASON")]
)
def test_nobody_else_breaks_the_glass(counter: Counter, role: Role, why: str, code: str) -> None:
    """An approver does not, and an admin not without a reason."""
    asked = counter.ask(who="ada")
    with pytest.raises(AnswerRefused) as refused:
        counter.approvals.break_glass(
            asked.id,
            identity=counter.let_in(person("ada", role)),
            door=Door.CLI,
            why=why,
            fingerprint=asked.fingerprint,
        )
    assert refused.value.code is AnswerRefusal(code)
    assert counter.state(asked) == "OPEN"


def test_broken_glass_passes_the_question_and_nothing_else(counter: Counter) -> None:
    """Paused is paused."""
    asked = counter.ask(who="ada")
    counter.approvals.break_glass(
        asked.id,
        identity=counter.let_in(person("ada", Role.ADMIN)),
        door=Door.CLI,
        why="now",
        fingerprint=asked.fingerprint,
    )
    Pauses(counter.engine).pause(who="bob", why="move")
    assert counter.admit(counter.due()[0]).decision is Decision.PAUSED


# -- a breaker's question


def test_what_a_breaker_asked_stands_while_the_breaker_does(counter: Counter) -> None:
    """Its trigger was raised by an open breaker that has moved on before the answer came: not done any more."""
    counter.run("INSERT INTO circuit_breaker_state (component, state, generation) VALUES ('agent:x', 'OPEN', 3)")
    raised = counter.trigger(type=TriggerType.BREAKER_OPENED, source=Source.BREAKER)
    counter.run(
        "INSERT INTO raised_triggers (id, breaker, generation, component, reason)"
        " VALUES (:id, 'agent:x', 3, 'backend', 'it opened')",
        id=raised.id,
    )
    assert counter.admit(raised).decision is Decision.AWAITING_APPROVAL
    (listed,) = counter.approvals.newest(limit=5, ended=False)
    assert not counter.heals.close_recovered("supervisor/demo/backend", seen_at=datetime.now(UTC)), "it looks well"
    counter.answer(counter.approvals.one(listed.id))
    (trigger,) = [one for one in counter.due() if one.approval]
    assert trigger.type is TriggerType.BREAKER_OPENED
    counter.run("UPDATE circuit_breaker_state SET generation = 4")
    assert counter.admit(trigger).decision is Decision.ALREADY_HEALTHY
    assert counter.approvals.one(listed.id).state == "OVERTAKEN"

"""How far an action may go by itself: what is only planned, what a person is asked, what ten bad results undo."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from estate_fixtures import until
from sqlalchemy import Engine, text
from uuid6 import uuid7

from selfheal.model.admission import Answer, Decision, Limits, Place, Rung
from selfheal.model.approval import Proposal
from selfheal.model.attempt import Holder, Outcome, Plan, Status, Verification
from selfheal.model.errors import PlanNeeded
from selfheal.model.mode import ActionMode, Change, Standards
from selfheal.model.observation import Health, Observation
from selfheal.model.trigger import Priority, Source, Trigger, TriggerType
from selfheal.store.admission_values import NO_ADMISSION_NOW
from selfheal.store.approvals import Approvals
from selfheal.store.heals import Heals
from selfheal.store.modes import Modes
from selfheal.store.pauses import Pauses

MINUTE = timedelta(minutes=1)
RACERS = 16
WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
WIDE = Limits(
    at_once=1000, in_10_min=1000, in_hour=1000, storm_group=0, storm_estate=0, per_action=1000, per_fault=1000
)
RESTART = Rung(action="restart-service", action_type="RESTART_SERVICE", manual_minutes=10)
ASKING = replace(RESTART, mode="approve")
SHADOW = replace(RESTART, mode="shadow")
OTHER = Rung(action="other", action_type="OTHER")
FAILED = Outcome(status=Status.FAILED, verification=Verification.NOT_HEALED, message="still sick")
HEALED = Outcome(status=Status.SUCCESS, verification=Verification.HEALED, message="healed")


@dataclass(frozen=True, kw_only=True)
class Desk:
    """Admission, and what it has written."""

    engine: Engine
    limits: Limits = WIDE

    @property
    def heals(self) -> Heals:
        return Heals(self.engine, self.limits, modes=self.modes)

    @property
    def modes(self) -> Modes:
        return Modes(self.engine, Standards())

    def ask(self, component: str = "backend", *rungs: Rung) -> Answer:
        """Raise a trigger, and plan what admission must know first, as `steps.admit` does."""
        rungs = rungs or (RESTART,)
        now = datetime.now(UTC)
        trigger = Trigger(
            id=uuid7(),
            type=TriggerType.SERVICE_DOWN,
            component=component,
            source=Source.WATCHER,
            priority=Priority.HIGH,
            reason="it is down",
            detected_at=now,
        )
        sick = Observation(component=component, health=Health.SICK, detail="gone", observed_at=now)
        place = Place(target=f"supervisor/demo/{component}")
        plans: dict[str, Proposal] = {}
        while True:
            try:
                return self.heals.admit(
                    trigger, place=place, rungs=rungs, observation=sick, refusal=None, plans=tuple(plans.values())
                )
            except PlanNeeded as needed:
                plans[needed.action] = Proposal(
                    action=needed.action, fingerprint="f" * 64, steps=("restart it",), blast_radius="it", within=MINUTE
                )

    def end(self, answer: Answer, outcome: Outcome) -> None:
        """Carry an admitted attempt to its outcome."""
        assert answer.attempt_id is not None, answer
        attempt = self.heals.claim(answer.attempt_id, fence=0, holder=Holder(host="here", pid=1, started=1))
        assert attempt is not None
        assert self.heals.record_plan(attempt.id, fence=1, plan=Plan())
        assert self.heals.announce_act(attempt.id, fence=1, timeout=MINUTE)
        assert self.heals.settle(attempt.id, fence=1, outcome=outcome, execution_ms=5)

    def passes(self, by: timedelta) -> None:
        """Let time pass for the questions and the plans."""
        self.run("UPDATE approvals SET asked_at = asked_at - :by, expires_at = expires_at - :by", by=by)
        self.run("UPDATE shadow_plans SET planned_at = planned_at - :by", by=by)

    def run(self, sql: str, **values: Any) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(sql), values)

    def one(self, sql: str) -> Any:
        with self.engine.connect() as connection:
            return connection.scalar(text(sql))


@pytest.fixture
def desk(empty: Engine, embedded_postgres: Any) -> Any:
    """The database as one who may also move what is written into the past."""
    from deployments.embedded import roles  # noqa: PLC0415
    from selfheal.store.engine import open_engine  # noqa: PLC0415

    engine = open_engine(embedded_postgres.url(roles.MIGRATOR), pool_size=RACERS)
    yield Desk(engine=engine)
    engine.dispose()


def race(work: Callable[[int], Any], racers: int = RACERS) -> list[Any]:
    """All at the same moment."""
    start = threading.Barrier(racers, timeout=30)

    def one(number: int) -> Any:
        start.wait()
        return work(number)

    with ThreadPoolExecutor(racers) as pool:
        return list(pool.map(one, range(racers)))


# -- approve


def test_a_person_is_asked_once(desk: Desk) -> None:
    """Sixteen triggers of one fault at the same moment: one question, one alert, and everybody gets the same answer."""
    answers = race(lambda _: desk.ask("backend", ASKING))
    assert {(one.decision, one.attempt_id) for one in answers} == {(Decision.AWAITING_APPROVAL, None)}
    assert len({one.reason for one in answers}) == 1
    (asked,) = Approvals(desk.engine).newest(limit=10, ended=True)
    assert (asked.state, asked.action, asked.component, asked.asked_by) == (
        "OPEN", "restart-service", "backend", "watcher",
    )  # fmt: skip
    assert (asked.preview, asked.blast_radius, asked.expires_at - asked.asked_at) == (
        ("restart it",), "it", timedelta(hours=1),
    )  # fmt: skip
    assert str(asked.id) in answers[0].reason
    assert (
        desk.one("SELECT count(*) FROM alert_outbox WHERE dedup_key = 'approval/' || (SELECT id FROM approvals)") == 1
    )
    assert desk.one("SELECT count(*) FROM healing_actions") == 0
    assert desk.one("SELECT sum(occurrences) FROM healing_triggers WHERE decision = 'AWAITING_APPROVAL'") == RACERS
    assert desk.ask("frontend").admitted


def test_a_paused_estate_asks_nobody(desk: Desk) -> None:
    """Every other limit refuses first: paused, and at the blast radius, no person is asked and nothing is planned."""
    Pauses(desk.engine).pause(who="ada", why="move")
    assert desk.ask("backend", ASKING).decision is Decision.PAUSED
    Pauses(desk.engine).resume(who="ada", why="moved")
    full = replace(desk, limits=replace(WIDE, at_once=1))
    assert desk.ask("busy").admitted
    assert full.ask("frontend", ASKING).decision is Decision.BLAST_RADIUS
    assert desk.one("SELECT count(*) FROM approvals") == 0
    assert desk.ask("frontend", ASKING).decision is Decision.AWAITING_APPROVAL


def test_a_pause_that_comes_between_asks_nobody(desk: Desk) -> None:
    """A trigger found nothing in its way; while it waits for its turn a pause begins: it looks again."""
    desk.ask("backend", ASKING)
    desk.passes(timedelta(minutes=61))
    with ThreadPoolExecutor(1) as pool:
        with desk.engine.begin() as connection:
            connection.execute(NO_ADMISSION_NOW)
            asked = pool.submit(desk.ask, "backend", ASKING)
            until("it waits for its turn", lambda: asked.done() or desk.one(WAITING) == 1)
            connection.execute(text("INSERT INTO pauses (paused_by, why) VALUES ('ada', 'move')"))
        assert asked.result().decision is Decision.PAUSED
    assert Approvals(desk.engine).newest(limit=10, ended=False) == []


def test_a_mode_that_comes_between_makes_it_look_again(desk: Desk) -> None:
    """A trigger found the action in mode auto; while it waits for its turn the action is told to ask."""
    with ThreadPoolExecutor(1) as pool:
        with desk.engine.begin() as connection:
            connection.execute(NO_ADMISSION_NOW)
            asked = pool.submit(desk.ask, "backend")
            until("it waits for its turn", lambda: asked.done() or desk.one(WAITING) == 1)
            written = (
                "INSERT INTO action_modes (action, mode, who, why) VALUES ('restart-service', 'approve', 'ada', 'x')"
            )
            connection.execute(text(written))
        answer = asked.result()
    assert (answer.decision, answer.reason) == (
        Decision.STALE_TRIGGER,
        "the mode of restart-service has just changed; look again",
    )
    assert desk.one("SELECT count(*) FROM healing_actions") == 0
    assert desk.ask("backend").decision is Decision.AWAITING_APPROVAL


def test_an_expired_question_makes_way_for_a_new_one(desk: Desk) -> None:
    """Nobody answered within the hour: the next trigger asks again, and the old question stays readable."""
    first = desk.ask("backend", ASKING)
    desk.passes(timedelta(minutes=61))
    assert [one.state for one in Approvals(desk.engine).newest(limit=10, ended=True)] == ["EXPIRED"]
    assert Approvals(desk.engine).newest(limit=10, ended=False) == []
    again = desk.ask("backend", ASKING)
    assert (again.decision, again.reason == first.reason) == (Decision.AWAITING_APPROVAL, False)
    assert [one.state for one in Approvals(desk.engine).newest(limit=10, ended=True)] == ["OPEN", "EXPIRED"]
    assert desk.one("SELECT count(*) FROM approvals WHERE closing = 'EXPIRED'") == 1


def test_a_recovery_overtakes_the_question(desk: Desk) -> None:
    """The component is healthy again before anybody answered: nothing is open, and a new fault is a new question."""
    desk.ask("backend", ASKING)
    assert desk.heals.close_recovered("supervisor/demo/backend", seen_at=datetime.now(UTC))
    assert [one.state for one in Approvals(desk.engine).newest(limit=10, ended=True)] == ["OVERTAKEN"]
    desk.ask("backend", ASKING)
    assert [one.state for one in Approvals(desk.engine).newest(limit=10, ended=True)] == ["OPEN", "OVERTAKEN"]


def test_an_asking_rung_keeps_its_place(desk: Desk) -> None:
    """A later, harsher rung does not act in place of one that waits; one that only observes is passed over."""
    assert desk.ask("backend", ASKING, OTHER).decision is Decision.AWAITING_APPROVAL
    assert desk.ask("frontend", replace(RESTART, mode="observe"), OTHER).reason == "other on frontend"


# -- shadow


def test_a_shadow_plans_once_for_a_fault_and_lets_the_next_rung_act(desk: Desk) -> None:
    """The plan is kept for later; without another rung the trigger is refused, and a second one plans nothing new."""
    refused = desk.ask("backend", SHADOW)
    assert refused.decision is Decision.NOT_ALLOWED
    assert "is in mode shadow" in refused.reason
    assert desk.ask("backend", SHADOW).decision is Decision.NOT_ALLOWED
    assert desk.one("SELECT plan -> 'steps' ->> 0 FROM shadow_plans") == "restart it"
    assert desk.ask("frontend", SHADOW, OTHER).reason == "other on frontend"
    assert desk.one("SELECT count(*) FROM shadow_plans") == 2
    assert desk.one("SELECT count(*) FROM healing_actions WHERE action_name = 'restart-service'") == 0


def test_a_plan_is_judged_by_how_the_fault_went_on(desk: Desk) -> None:
    """What recovered in the time of the heal did not need it; what outlasted that did; before that nobody can tell."""
    for name in ("quick", "slow", "new"):
        desk.ask(name, SHADOW)
    desk.heals.close_recovered("supervisor/demo/quick", seen_at=datetime.now(UTC))
    desk.run("UPDATE shadow_plans SET planned_at = planned_at - interval '5 min' WHERE component = 'slow'")
    (told,) = desk.modes.shadowed()
    assert (told.needed, told.unneeded, told.open) == (1, 1, 1)


def test_a_shadow_that_was_needed_is_proposed_once(desk: Desk) -> None:
    """Sixteen needed plans propose approve, with one alert; the mode stays, and another review says nothing new."""
    for number in range(16):
        desk.ask(f"c-{number}", SHADOW)
    settings = {"restart-service": "shadow"}
    desk.modes.review(settings)
    assert desk.modes.changes(limit=10) == []
    desk.passes(timedelta(minutes=5))
    race(lambda _: desk.modes.review(settings))
    (told,) = desk.modes.changes(limit=10)
    assert (told.change, told.before, told.after, told.who) == (Change.PROPOSED, "shadow", "approve", "selfheal")
    assert "16 of 16 were needed" in told.why
    assert desk.modes.written() == {}
    assert desk.one("SELECT count(*) FROM alert_outbox WHERE dedup_key = 'mode/restart-service'") == 1


# -- auto, and back


def spoil(desk: Desk, good: int, bad: int) -> None:
    """So many heals that held, and then that did not, each of another component."""
    for number in range(good + bad):
        answer = desk.ask(f"{good}-{bad}-{number}")
        desk.end(answer, HEALED if number < good else FAILED)


@pytest.fixture
def unbroken(desk: Desk) -> Desk:
    """The breaker of the action is held closed: it would refuse before ten results are in."""
    from selfheal.model.breaker import BreakerDeed  # noqa: PLC0415
    from selfheal.store.breakers import Breakers  # noqa: PLC0415

    Breakers(desk.engine).decide("heal:restart-service", BreakerDeed.CLOSE, who="test", why="ten results")
    return desk


def test_ten_results_of_which_six_are_bad_demote(unbroken: Desk) -> None:
    """Nine say nothing; with the tenth every next trigger asks a person, who was told, until one restores it."""
    desk = unbroken
    spoil(desk, 4, 5)
    assert desk.modes.written() == {}
    spoil(desk, 0, 1)
    written = desk.modes.written()["restart-service"]
    assert (written.mode, written.who) == (ActionMode.APPROVE, "selfheal")
    assert written.why == "4 of its last 10 heals were verified, less than 50%"
    refused = Desk(engine=desk.engine).ask("another")
    assert refused.decision is Decision.AWAITING_APPROVAL
    assert "was demoted from auto to approve" in desk.one(
        "SELECT message FROM alert_outbox WHERE dedup_key = 'mode/restart-service'"
    )
    desk.modes.set("restart-service", ActionMode.AUTO, who="ada", why="mended")
    assert desk.ask("third").admitted
    assert [one.change for one in desk.modes.changes(limit=10)] == [Change.SET, Change.DEMOTED]
    spoil(desk, 0, 9)
    assert desk.modes.written()["restart-service"].mode is ActionMode.AUTO, "results from before it do not count"


def test_two_bad_results_at_once_are_one_demotion(unbroken: Desk) -> None:
    """Sixteen heals end badly at the same moment, the tenth and the eleventh among them: one demotion, one alert."""
    desk = unbroken
    answers = [desk.ask(f"c-{number}") for number in range(RACERS)]
    race(lambda number: desk.end(answers[number], FAILED))
    assert [one.change for one in desk.modes.changes(limit=10)] == [Change.DEMOTED]
    assert desk.one("SELECT count(*) FROM alert_outbox WHERE dedup_key = 'mode/restart-service'") == 1


def test_what_says_nothing_about_the_action_does_not_demote(unbroken: Desk) -> None:
    """Ten heals that never acted, and ten whose healer died, leave the mode alone."""
    desk = unbroken
    for number in range(10):
        attempt = desk.heals.claim(
            desk.ask(f"a-{number}").attempt_id, fence=0, holder=Holder(host="here", pid=1, started=1)
        )
        assert attempt is not None
        assert desk.heals.settle(attempt.id, fence=1, outcome=FAILED, execution_ms=None)
        desk.end(desk.ask(f"b-{number}"), replace(FAILED, interrupted=True))
    assert desk.modes.written() == {}


@pytest.mark.parametrize(
    ("settings", "written", "decision"),
    [
        ("auto", "approve", Decision.AWAITING_APPROVAL),
        ("auto", "shadow", Decision.NOT_ALLOWED),
        ("auto", "observe", Decision.NOT_ALLOWED),
        ("approve", "auto", Decision.AWAITING_APPROVAL),
        ("observe", "approve", Decision.NOT_ALLOWED),
        ("auto", "auto", Decision.ADMITTED),
    ],
)
def test_the_stricter_of_settings_and_written_is_in_force(
    desk: Desk, settings: str, written: str, decision: Decision
) -> None:
    """And the refusal says whose word it was, and what lifts it."""
    desk.modes.set("restart-service", ActionMode(written), who="ada", why="it lost data")
    answer = desk.ask("backend", replace(RESTART, mode=settings))
    assert answer.decision is decision
    if decision is Decision.NOT_ALLOWED and settings == "auto":
        assert "set by ada: it lost data" in answer.reason
        assert "`selfheal actions mode restart-service auto` lifts that" in answer.reason


def test_a_mode_that_changes_meanwhile_is_seen(desk: Desk) -> None:
    """Sixteen triggers while a person demotes: each is admitted before, asks, or looks again; none comes after."""

    def work(number: int) -> Any:
        if number == 0:
            desk.modes.set("restart-service", ActionMode.APPROVE, who="ada", why="stop")
            return desk.one("SELECT count(*) FROM healing_actions")
        return desk.ask(f"c-{number}").decision

    begun, *answers = race(work)
    told = Counter(answers)
    assert desk.one("SELECT count(*) FROM healing_actions") == told[Decision.ADMITTED] == begun
    assert set(told) <= {Decision.ADMITTED, Decision.AWAITING_APPROVAL, Decision.STALE_TRIGGER}
    assert desk.one("SELECT count(*) FROM approvals") == told[Decision.AWAITING_APPROVAL]
    assert desk.ask("later").decision is Decision.AWAITING_APPROVAL


def test_a_dry_run_names_all_that_would_refuse(desk: Desk) -> None:
    """In the order of admission's questions, and with the rung that it would be about; it writes nothing."""
    desk.ask("busy")
    Pauses(desk.engine).pause(who="ada", why="move")
    full = replace(desk, limits=replace(WIDE, at_once=1))
    now = datetime.now(UTC)
    trigger = Trigger(
        id=uuid7(), type=TriggerType.SERVICE_DOWN, component="web", source=Source.PERSON, priority=Priority.HIGH,
        reason="", detected_at=now,
    )  # fmt: skip
    before = desk.one("SELECT count(*) FROM healing_triggers")
    told = full.heals.peek(trigger, place=Place(target="supervisor/demo/web"), rungs=[ASKING])
    assert [one.decision for one in told.refusals] == [
        Decision.PAUSED, Decision.BLAST_RADIUS, Decision.AWAITING_APPROVAL,
    ]  # fmt: skip
    assert (told.action, told.asks) == ("restart-service", True)
    assert desk.one("SELECT count(*) FROM healing_triggers") == before

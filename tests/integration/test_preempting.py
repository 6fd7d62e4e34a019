"""Pre-emptive heals at admission: their own caps and modes, what makes them give way, and that they are no outages."""

from collections import Counter as Tally
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from admission_desk import FAILED, HEALED, MINUTE, RACERS, RESTART, Desk, target
from approval_desk import Counter
from sqlalchemy import text
from uuid6 import uuid7

from selfheal.model.admission import Answer, Decision, Place, Rung
from selfheal.model.approval import Proposal
from selfheal.model.attempt import Attempt, Holder, Outcome, Plan, Status, Verification
from selfheal.model.errors import PlanNeeded
from selfheal.model.mode import ActionMode, Standards
from selfheal.model.observation import Health, Observation
from selfheal.model.trigger import ForetoldMetric, Priority, Source, Trigger, TriggerType
from selfheal.store.modes import Modes
from selfheal.store.raised import RaisedTriggers
from selfheal.store.rates import RateReports
from selfheal.store.reading.faults import Faults
from selfheal.store.starts import Starts

COLLECT = Rung(action="collect-garbage", action_type="COLLECT_GARBAGE")
UNKNOWN = Outcome(status=Status.FAILED, verification=Verification.UNKNOWN, message="nobody can tell")
MUCH = {"foretold_at_once": 1000, "foretold_in_hour": 1000, "foretold_in_day": 1000, "foretold_of_one": 1000}


@dataclass(frozen=True, kw_only=True)
class Crystal:
    """Predictions, what they raise, and what admission answers."""

    desk: Desk
    ids: dict[str, UUID] = field(default_factory=dict)

    def foretell(self, component: str = "backend", *, metric: str = "memory_percent") -> UUID:
        """As predictive-health does: the prediction and its trigger, in one transaction; an alarm before it is over."""
        known = {"id": uuid7(), "component": component, "metric": metric}
        with self.desk.engine.begin() as connection:
            over = "UPDATE predictions SET ended_at = now() WHERE component = :component AND ended_at IS NULL"
            connection.execute(text(over), known)
            connection.execute(
                text(
                    "INSERT INTO predictions (id, rule, component, metric, value, threshold, why)"
                    " VALUES (:id, 'MEMORY_PRESSURE', :component, :metric, 91, 85, 'memory is high')"
                ),
                known,
            )
            connection.execute(
                text(
                    "INSERT INTO raised_triggers (id, component, reason, trigger_type, source, priority)"
                    " VALUES (:id, :component, 'memory is high', 'MEMORY_PRESSURE', 'predictive-health', 'MEDIUM')"
                ),
                known,
            )
        self.ids[component] = UUID(str(known["id"]))
        return self.ids[component]

    def ends(self, prediction: UUID) -> None:
        """The alarm is taken back."""
        with self.desk.engine.begin() as connection:
            connection.execute(text("UPDATE predictions SET ended_at = now() WHERE id = :id"), {"id": prediction})

    def settles(self, prediction: UUID, outcome: str) -> None:
        settled = "UPDATE predictions SET outcome = :outcome, settled_at = now() WHERE id = :id"
        with self.desk.engine.begin() as connection:
            connection.execute(text(settled), {"id": prediction, "outcome": outcome})

    def due(self) -> list[Trigger]:
        return list(RaisedTriggers(self.desk.engine).due(limit=1000, pause=MINUTE))

    def trigger(self, prediction: UUID, component: str = "backend", **more: Any) -> Trigger:
        values: dict[str, Any] = {"id": prediction, "priority": Priority.MEDIUM} | more
        return Trigger(
            type=TriggerType.MEMORY_PRESSURE,
            component=component,
            source=Source.PREDICTIVE_HEALTH,
            reason="memory is high",
            detected_at=datetime.now(UTC),
            foretold=ForetoldMetric(id=prediction, metric="memory_percent", value=91, well_below=85),
            **values,
        )

    def ask(self, trigger: Trigger, *rungs: Rung, **place: Any) -> Answer:
        """As `steps.admit` does with a healthy component."""
        well = Observation(component=trigger.component, health=Health.HEALTHY, detail="", observed_at=datetime.now(UTC))
        where, plans = Place(target=target(trigger.component), **place), dict[str, Proposal]()
        while True:
            try:
                return self.desk.heals.admit(
                    trigger,
                    place=where,
                    rungs=rungs or (RESTART,),
                    observation=well,
                    refusal=None,
                    plans=tuple(plans.values()),
                )
            except PlanNeeded as needed:
                plans[needed.action] = Proposal(
                    action=needed.action, fingerprint="f" * 64, steps=("do it",), blast_radius="it", within=MINUTE
                )

    def foretold(self, component: str = "backend", *rungs: Rung) -> Answer:
        return self.ask(self.trigger(self.foretell(component), component), *rungs)

    def claim(self, answer: Answer) -> Attempt:
        assert answer.attempt_id is not None, answer
        attempt = self.desk.heals.claim(answer.attempt_id, fence=0, holder=Holder(host="here", pid=1, started=1))
        assert attempt is not None
        return attempt


@pytest.fixture
def crystal(desk: Callable[..., Desk]) -> Callable[..., Crystal]:
    """Wide limits, but for those named."""
    return lambda **limits: Crystal(desk=desk(**(MUCH | limits)))


@pytest.mark.parametrize(
    ("limits", "begun"), [({"foretold_at_once": 1}, 1), ({"foretold_in_hour": 3}, 3), ({"foretold_in_day": 5}, 5)]
)
def test_of_fifty_at_once_no_more_begin_than_are_allowed(
    crystal: Callable[..., Crystal], limits: dict[str, int], begun: int
) -> None:
    """The caps are exact, whoever asks at the same time; what is refused says which cap, and when to come again."""
    one = crystal(**limits)
    names = [f"service-{number}" for number in range(50)]
    triggers = [one.trigger(one.foretell(name), name) for name in names]
    with ThreadPoolExecutor(RACERS) as pool:
        answers = list(pool.map(one.ask, triggers))
    told = Tally(answer.decision for answer in answers)
    assert told == {Decision.ADMITTED: begun, Decision.BLAST_RADIUS: 50 - begun}
    refused = next(answer for answer in answers if not answer.admitted)
    assert "prediction.preempt." in refused.reason
    assert refused.retry_at is not None


def test_one_component_has_a_cap_of_its_own(crystal: Callable[..., Crystal]) -> None:
    """Another component goes on."""
    one = crystal(foretold_of_one=1, cooldown=timedelta(0), flap=timedelta(0))
    first = one.foretold()
    one.desk.end(first, FAILED)
    again = one.foretold()
    assert (again.decision, "per_component" in again.reason) == (Decision.BLAST_RADIUS, True)
    assert one.foretold("frontend").admitted


def test_what_was_just_healed_is_not_healed_for_another_prediction(crystal: Callable[..., Crystal]) -> None:
    """Two of one cause, or what looks back over an hour, are one heal, whoever healed it; later they may."""
    one = crystal()
    one.desk.end(one.foretold(), HEALED)
    again = one.foretold()
    assert (again.decision, "healed less than an hour ago" in again.reason) == (Decision.COOLDOWN, True)
    one.desk.end(one.desk.ask("frontend"), HEALED)
    assert one.foretold("frontend").decision is Decision.COOLDOWN
    one.desk.past("other", timedelta(hours=2), HEALED)
    assert one.foretold("other").admitted


@pytest.mark.parametrize("limit", ["at_once", "in_10_min", "in_hour"])
def test_the_last_of_each_limit_is_left_to_what_is_sick(crystal: Callable[..., Crystal], limit: str) -> None:
    """A pre-emptive heal takes neither the last place nor the one for CRITICAL, whatever its trigger says."""
    one = crystal(**{limit: 2})
    assert one.foretold("first").admitted
    second = one.ask(one.trigger(one.foretell("second"), "second", priority=Priority.CRITICAL))
    assert (second.decision, "left to what is sick" in second.reason) == (Decision.BLAST_RADIUS, True)
    assert one.desk.ask("third").admitted


def test_a_prediction_that_was_taken_back_heals_nothing(crystal: Callable[..., Crystal]) -> None:
    """Neither at admission nor, claimed already, right before the act."""
    one = crystal()
    gone = one.foretell()
    one.ends(gone)
    assert one.ask(one.trigger(gone)).decision is Decision.ALREADY_HEALTHY
    standing = one.foretell()
    attempt = one.claim(one.ask(one.trigger(standing)))
    assert one.desk.heals.record_plan(attempt.id, fence=1, plan=Plan())
    one.ends(standing)
    assert not one.desk.heals.announce_act(attempt.id, fence=1, timeout=MINUTE)
    assert not one.desk.heals.stands(standing)
    assert one.desk.heals.settle(attempt.id, fence=1, outcome=UNKNOWN, execution_ms=None)
    assert one.desk.one("SELECT count(*) FROM faults WHERE closed_at IS NULL") == 0


def test_what_is_healed_ends_its_prediction(crystal: Callable[..., Crystal]) -> None:
    """And is no outage: no MTTR, no success rate, no open fault, no alert; the client's view counts the attempt."""
    one = crystal()
    prediction = one.foretell()
    answer = one.ask(one.trigger(prediction))
    assert one.claim(answer).foretold == ForetoldMetric(id=prediction, metric="memory_percent", value=91, well_below=85)
    assert not Faults(one.desk.engine).still_open()
    assert not one.desk.heals.has_open_fault(target("backend"))
    heals = one.desk.heals
    assert answer.attempt_id is not None
    assert heals.record_plan(answer.attempt_id, fence=1, plan=Plan())
    assert heals.announce_act(answer.attempt_id, fence=1, timeout=MINUTE)
    assert heals.settle(answer.attempt_id, fence=1, outcome=HEALED, execution_ms=5)
    assert one.desk.one("SELECT resolution FROM faults") == "HEALED"
    assert one.desk.one("SELECT ended_at IS NOT NULL FROM predictions") is True
    reports = RateReports(one.desk.engine)
    assert not reports.rates(within=None)
    assert not reports.by_day(days=7)
    assert one.desk.one("SELECT count(*) FROM heal_results") == 0
    assert one.desk.one("SELECT count(*) FROM preemptive_results WHERE healed AND acted") == 1
    assert [rate.attempts for rate in reports.by_action()] == [1]


def test_the_next_rung_is_due_at_once(crystal: Callable[..., Crystal]) -> None:
    """What did not bring memory down is followed by the next action, under another id."""
    one = crystal()
    prediction = one.foretell()
    (first,) = one.due()
    assert first.foretold == ForetoldMetric(id=prediction, metric="memory_percent", value=91, well_below=85)
    assert first.id == prediction
    assert not one.due(), "somebody has it in their hands"
    collected = one.ask(first, COLLECT, RESTART)
    one.desk.end(collected, FAILED)
    (second,) = one.due()
    assert second.id != first.id
    restarted = one.ask(second, COLLECT, RESTART)
    assert restarted.admitted, restarted
    assert restarted.fault_id == collected.fault_id
    assert one.desk.one("SELECT string_agg(action_name, ' ' ORDER BY id) FROM healing_actions") == (
        "collect-garbage restart-service"
    )


def test_what_is_refused_is_asked_again_while_it_stands(crystal: Callable[..., Crystal]) -> None:
    """Under the same id: a cap, a pause or a cool-down ends, and the prediction may stand still."""
    one = crystal(foretold_at_once=1)
    other = one.foretold("other")
    trigger = one.trigger(one.foretell())
    assert one.ask(trigger).decision is Decision.BLAST_RADIUS
    one.desk.end(other, HEALED)
    assert one.ask(trigger).admitted
    again = one.ask(trigger)
    assert (again.admitted, again.repeated) == (True, True)


def test_what_nobody_could_tell_is_not_repeated(crystal: Callable[..., Crystal]) -> None:
    """UNKNOWN is never retried by itself: not for the same prediction."""
    one = crystal(cooldown=timedelta(0))
    prediction = one.foretell()
    one.desk.end(one.ask(one.trigger(prediction)), UNKNOWN)
    again = one.ask(one.trigger(prediction, id=uuid7()), RESTART, COLLECT)
    assert (again.decision, "nobody could tell" in again.reason) == (Decision.ATTEMPTS_EXHAUSTED, True)


def test_a_fault_comes_first(crystal: Callable[..., Crystal]) -> None:
    """Where the component has a fault by now it is healed as any other; what is away for it is none."""
    one = crystal()
    one.desk.sick("backend")
    assert one.foretold().decision is Decision.ALREADY_HEALING
    assert one.foretold("frontend").admitted
    down = one.desk.ask("frontend")
    assert (down.decision, down.fault_id) == (Decision.ALREADY_HEALING, None)
    starts = Starts(one.desk.engine, one.desk.limits, dict.fromkeys(Priority, MINUTE))
    sick = replace(one.trigger(uuid7(), "frontend"), type=TriggerType.SERVICE_DOWN, foretold=None)
    assert not starts.note(sick, Place(target=target("frontend")))
    assert not starts.note(replace(sick, component="child"), Place(target="c", parents=(target("frontend"),)))
    assert starts.note(replace(sick, component="another"), Place(target=target("another")))
    assert one.desk.one("SELECT count(*) FROM faults WHERE prediction_id IS NULL") == 2


def test_what_depends_on_it_waits_for_a_pre_emptive_heal(crystal: Callable[..., Crystal]) -> None:
    """A child that is sick because its parent is being restarted ahead of time is not healed beside it."""
    one = crystal()
    healing = one.foretold("broker")
    assert healing.admitted
    child = one.desk.ask("backend", parents=(target("broker"),))
    assert (child.decision, child.attempt_id) == (Decision.ALREADY_HEALING, healing.attempt_id)
    one.desk.end(healing, HEALED)
    assert one.desk.ask("backend", parents=(target("broker"),)).admitted


def test_what_failed_ahead_of_time_holds_up_nothing_that_is_sick(crystal: Callable[..., Crystal]) -> None:
    """No cool-down, no spent attempt, no breaker's failure and no demotion of the action by pre-emptive results."""
    one = crystal(per_action=1)
    one.desk.end(one.foretold(), FAILED)
    assert one.foretold().decision is Decision.ATTEMPTS_EXHAUSTED
    assert one.desk.ask().admitted
    assert one.desk.one("SELECT count(*) FROM circuit_breaker_results") == 0


def test_a_breaker_that_is_not_closed_denies_it(crystal: Callable[..., Crystal]) -> None:
    """It asks for no probe, and is no failure that the breaker has prevented."""
    one = crystal()
    one.desk.do(
        "INSERT INTO circuit_breaker_state (component, state, open_until)"
        " VALUES ('heal:restart-service', 'OPEN', now() - interval '1 minute')"
    )
    denied = one.foretold()
    assert denied.decision is Decision.CIRCUIT_OPEN
    assert one.desk.one("SELECT count(*) FROM prevented_failures") == 0


@pytest.mark.parametrize(
    ("setting", "written", "preempting", "decision"),
    [
        ("observe", "", "", Decision.NOT_ALLOWED),
        ("shadow", "", "", Decision.NOT_ALLOWED),
        ("approve", "", "", Decision.AWAITING_APPROVAL),
        ("auto", "", "", Decision.ADMITTED),
        ("auto", "approve", "", Decision.AWAITING_APPROVAL),
        ("auto", "", "shadow", Decision.NOT_ALLOWED),
        ("approve", "observe", "", Decision.NOT_ALLOWED),
        ("auto", "auto", "approve", Decision.AWAITING_APPROVAL),
    ],
)
def test_the_strictest_mode_is_in_force(
    crystal: Callable[..., Crystal], setting: str, written: str, preempting: str, decision: Decision
) -> None:
    """Of the settings, of what was written of the action, and of what was written of it before anything is sick."""
    one = crystal()
    for name, mode in (("restart-service", written), ("preempt:restart-service", preempting)):
        if mode:
            Modes(one.desk.engine, Standards()).set(name, ActionMode(mode), who="ann", why="to be careful")
    answer = one.foretold("backend", replace(RESTART, mode=setting))
    assert answer.decision is decision, answer
    plans = one.desk.one("SELECT count(*) FROM shadow_plans")
    assert plans == (1 if "shadow" in {setting, written, preempting} else 0)
    assert not Faults(one.desk.engine).still_open()


def test_a_question_is_over_with_its_prediction(crystal: Callable[..., Crystal]) -> None:
    """Nobody approves what is no longer foretold."""
    one = crystal()
    prediction = one.foretell()
    asked = one.ask(one.trigger(prediction), replace(RESTART, mode="approve"))
    assert asked.decision is Decision.AWAITING_APPROVAL
    assert one.desk.one("SELECT state FROM approval_states") == "OPEN"
    one.ends(prediction)
    assert one.desk.one("SELECT state FROM approval_states") == "OVERTAKEN"


@pytest.mark.parametrize("approved", [True, False])
def test_a_question_ahead_of_time_does_not_hold_up_that_for_the_fault(
    crystal: Callable[..., Crystal], counter: Counter, *, approved: bool
) -> None:
    """What is sick by now asks for itself, and the question before is over, answered or not."""
    one = crystal()
    ahead = counter.admit(one.trigger(one.foretell()))
    if approved:
        counter.answer(counter.approvals.one(UUID(ahead.reason.rpartition(" ")[2])))
    sick = counter.admit(counter.trigger())
    assert sick.decision is Decision.AWAITING_APPROVAL, sick
    assert sick.reason != ahead.reason
    states = "SELECT string_agg(s.state, ' ' ORDER BY s.asked_at) FROM approval_states s"
    assert one.desk.one(states) == "OVERTAKEN OPEN"


def test_a_plan_is_judged_by_what_became_of_the_prediction(crystal: Callable[..., Crystal]) -> None:
    """The breach that came was worth a heal, one that did not come was not."""
    one = crystal()
    for name, outcome in (("hit", "HIT"), ("miss", "MISS"), ("open", "")):
        answer = one.foretold(name, replace(RESTART, mode="shadow"))
        assert answer.decision is Decision.NOT_ALLOWED
        if outcome:
            one.settles(one.ids[name], outcome)
    with one.desk.engine.connect() as connection:
        verdicts = dict(connection.execute(text("SELECT component, verdict FROM shadow_results")).tuples().all())
    assert verdicts == {"hit": "NEEDED", "miss": "UNNEEDED", "open": "OPEN"}


def test_results_ahead_of_time_are_judged_apart(crystal: Callable[..., Crystal]) -> None:
    """Ten that did not help demote the action before anything is sick, and nothing of it where something is."""
    one = crystal(cooldown=timedelta(0), flap=timedelta(0), per_action=1000)
    modes = Modes(one.desk.engine, Standards())
    for number in range(10):
        one.desk.end(one.foretold(f"service-{number}"), FAILED)
    assert {name: written.mode for name, written in modes.written().items()} == {
        "preempt:restart-service": ActionMode.APPROVE
    }
    assert one.foretold("another").decision is Decision.AWAITING_APPROVAL
    assert one.desk.ask("sick").admitted


@pytest.mark.parametrize("stands", [True, False])
def test_what_is_approved_is_for_its_prediction_still(
    crystal: Callable[..., Crystal], counter: Counter, *, stands: bool
) -> None:
    """A person's word begins a heal of the same prediction, and is void once that is taken back."""
    one = crystal()
    prediction = one.foretell()
    asked = counter.admit(one.trigger(prediction))
    assert asked.decision is Decision.AWAITING_APPROVAL, asked
    counter.answer(counter.approvals.one(UUID(asked.reason.rpartition(" ")[2])))
    if not stands:
        one.ends(prediction)
    approved = [trigger for trigger in one.due() if trigger.approval is not None]
    assert len(approved) == int(stands)
    for trigger in approved:
        assert trigger.foretold == ForetoldMetric(id=prediction, metric="memory_percent", value=91, well_below=85)
        assert counter.admit(trigger).admitted
        assert one.desk.one("SELECT prediction_id FROM healing_actions WHERE mode = 'approve'") == prediction


def test_one_prediction_is_one_heal_whoever_asks(crystal: Callable[..., Crystal]) -> None:
    """Sixteen at once with the same trigger: one attempt, and all are told of it."""
    one = crystal()
    trigger = one.trigger(one.foretell())
    with ThreadPoolExecutor(RACERS) as pool:
        answers = list(pool.map(one.ask, [trigger] * RACERS))
    assert {answer.attempt_id for answer in answers} == {answers[0].attempt_id}
    assert sum(answer.admitted and not answer.repeated for answer in answers) == 1
    assert one.desk.one("SELECT count(*) FROM healing_actions") == 1

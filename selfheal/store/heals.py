"""Faults, triggers and attempts in Postgres: `ports.HealStore`, used by the protocol and by reconcile.

Every write of a holder says `WHERE id AND fence AND status = 'RUNNING'`: whoever lost the attempt changes no row.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb
from sqlalchemy import (
    ColumnElement,
    Engine,
    Row,
    and_,
    case,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Connection

from selfheal.model.admission import Answer, Costs, Decision, Limits, Outlook, Place, Refusal, Rung
from selfheal.model.approval import Proposal
from selfheal.model.attempt import Attempt, Holder, Outcome, Phase, Plan, Status, Verification
from selfheal.model.breaker import Denial, Permit
from selfheal.model.errors import PlanNeeded, SelfhealError
from selfheal.model.mode import Standards
from selfheal.model.observation import Health, Observation
from selfheal.model.prediction import PREEMPT
from selfheal.model.trigger import NOT_OF_HEALTH, Trigger
from selfheal.policy.breaker_names import heal_breaker
from selfheal.store import recoveries
from selfheal.store.admission_values import LIMITS, NO_ADMISSION_NOW, REQUEST, limits_of, plans_json, request_of
from selfheal.store.breakers import Breakers
from selfheal.store.engine import first_row, transaction
from selfheal.store.modes import Modes
from selfheal.store.rows import attempt_of, plan_json
from selfheal.store.tables import approvals, faults, healing_actions
from selfheal.store.text import clean, shorten

_log = logging.getLogger(__name__)
FRUITLESS_BEFORE_A_PERSON = 3  # attempts of one fault that were interrupted, or never acted

_ANSWER = ("decision", "reason", "attempt_id", "fault_id", "repeated", "retry_at", "action")
_ADMIT = text(f"SELECT {', '.join(_ANSWER)} FROM admit_trigger({REQUEST}, {LIMITS})")  # noqa: S608 - written above
_MAKE_DURABLE = text("SELECT make_durable()")
_PEEK = text(f"SELECT * FROM standing_refusal({REQUEST}, {LIMITS}, true)")  # noqa: S608 - the same
_STOPPED_BY_US = text(
    """SELECT a.interrupted
           OR (a.rollback_outcome = 'DONE' AND a.plan -> 'rollback' ->> 'restore' = 'stopped')
           OR (a.success IS FALSE AND a.plan -> 'before' ->> 'state' = 'STOPPED')
       FROM healing_actions a JOIN faults f ON f.id = a.fault_id
       WHERE a.target_key = :target AND a.act_started_at IS NOT NULL
         AND (a.execution_time_ms IS NOT NULL OR a.interrupted)  -- what declined has stopped nothing
         AND CASE WHEN a.prediction_id IS NULL THEN f.closed_at IS NULL
             ELSE NOT EXISTS (SELECT FROM health_history h  -- its prediction is over sooner than what it left behind
                              WHERE h.component = a.target_component AND h.checked_at > a.completed_at
                                AND h.status = 'OPERATIONAL') END
       ORDER BY a.created_at DESC LIMIT 1"""
)
_UNFINISHED = (Status.PENDING.value, Status.RUNNING.value)


class Heals:
    """The store of heals.

    Args:
        engine: the database, as healing_user.
        limits: what admission never exceeds.
        breakers: asked by admission and told of each verified outcome, in the same transactions.
        modes: judges an action by each verified outcome, in the same transaction.
        costs: what an attempt is worth, written down with it.
    """

    def __init__(
        self,
        engine: Engine,
        limits: Limits,
        breakers: Breakers | None = None,
        modes: Modes | None = None,
        costs: Costs = Costs(),  # noqa: B008 - frozen
    ) -> None:
        self._engine = engine
        self._modes = modes or Modes(engine, Standards())
        self._costs = costs
        self._lease = limits.lease
        self._limits = limits_of(limits)
        self._breakers = breakers or Breakers(engine)

    def admit(  # noqa: PLR0913 - each is a part of the question
        self,
        trigger: Trigger,
        *,
        place: Place,
        rungs: Sequence[Rung],
        observation: Observation | None,
        refusal: Refusal | None,
        plans: Sequence[Proposal] = (),
    ) -> Answer:
        """See `ports.HealStore.admit`."""
        values = request_of(trigger, place, rungs, plans_json(plans), self._costs) | {
            "observed": None if observation is None else observation.observed_at,
            "observation": None if observation is None else Jsonb(clean(observation.as_json())),
            "is_fault": observation is not None
            and (observation.health is not Health.HEALTHY or trigger.type in NOT_OF_HEALTH),
            "refusal": None if refusal is None else refusal.decision.value,
            "refusal_reason": None if refusal is None else shorten(refusal.reason, 500),
        }
        answer = self._admit(values | self._limits)
        first_row(self._engine, _MAKE_DURABLE, {})  # before anybody is told: its commit has not waited for the disk
        return answer

    def _admit(self, values: dict[str, Any]) -> Answer:
        """Ask, in one statement: no process holds the admission lock, however long it stands still."""
        row = first_row(self._engine, _ADMIT, values)
        if row is None:
            raise AssertionError("admission always answers")
        asked = dict(zip(_ANSWER, row, strict=True))
        if asked["decision"] != "PROBE":
            return _decided(asked)
        with transaction(self._engine) as connection:
            connection.execute(NO_ADMISSION_NOW)
            return self._ask_breakers(connection, values, asked["action"])

    def _ask_breakers(self, connection: Connection, values: dict[str, Any], action: str) -> Answer:
        """Ask the breaker of an action that is not plainly closed, and admission again with its word.

        One of the rungs each time, since another one may be first by now. A permit that was not needed goes back.
        """
        denied: list[str] = []
        while True:
            permit = self._breakers.ask_in(connection, f"heal:{action}", values["attempt"])
            granted = {} if isinstance(permit, Denial) else {"granted": action, "generation": permit.generation}
            denied += [] if granted else [action]
            asked = connection.execute(_ADMIT, values | granted | {"denied": denied}).one()._asdict()
            if isinstance(permit, Permit) and not _uses(asked, action):
                self._breakers.give_back_in(connection, f"heal:{action}", permit.id)
            if asked["decision"] != "PROBE":
                return _decided(asked)
            action = asked["action"]

    def peek(self, trigger: Trigger, *, place: Place, rungs: Sequence[Rung]) -> Outlook:
        """See `ports.HealStore.peek`; a breaker that is half-open is not asked for one of its probes."""
        values = request_of(trigger, place, rungs, {one.action: {} for one in rungs}, self._costs) | self._limits
        with transaction(self._engine) as connection:
            rows = [row._asdict() for row in connection.execute(_PEEK, values)]
        return Outlook(
            refusals=tuple(_answer(row) for row in rows if row["decision"] is not None),
            action=next((row["action"] for row in rows if row["action"]), ""),
            asks=any(row["decision"] == "ASK" for row in rows),
        )

    def claim(self, attempt_id: UUID, *, fence: int, holder: Holder, run: UUID | None = None) -> Attempt | None:
        """See `ports.HealStore.claim`."""
        details = healing_actions.c.details if run is None else _with_run(str(run))
        statement = (
            update(healing_actions)
            .where(
                healing_actions.c.id == attempt_id,
                healing_actions.c.fence == fence,
                healing_actions.c.status.in_(_UNFINISHED),
                or_(
                    healing_actions.c.status == Status.PENDING.value,
                    healing_actions.c.lease_until < func.now(),
                ),
            )
            .values(
                status=Status.RUNNING.value,
                fence=healing_actions.c.fence + 1,
                runs=healing_actions.c.runs + 1,
                holder=asdict(holder),
                lease_until=func.now() + self._lease,
                details=details.concat(_displaced()),
            )
            .returning(*healing_actions.c)
        )
        with transaction(self._engine) as connection:
            row = connection.execute(statement).first()
        return None if row is None else attempt_of(row)

    def renew(self, held: Mapping[UUID, int]) -> set[UUID]:
        """See `ports.HealStore.renew`."""
        statement = (
            update(healing_actions)
            .where(
                tuple_(healing_actions.c.id, healing_actions.c.fence).in_(list(held.items())),
                healing_actions.c.status == Status.RUNNING.value,
            )
            .values(lease_until=func.now() + self._lease)
            .returning(healing_actions.c.id, healing_actions.c.action_name)
        )
        with transaction(self._engine) as connection:
            rows = connection.execute(statement).all()
        for row in rows:
            self._keep_probe(row.action_name, row.id)
        return {row.id for row in rows}

    def _keep_probe(self, action: str, attempt_id: UUID) -> None:
        """A heal may take longer than a permit lasts: without this its result would count for nothing."""
        try:
            self._breakers.keep_probe(heal_breaker(action), attempt_id)
        except SelfhealError as error:
            _log.warning("the permit of attempt %s is not prolonged: %s", attempt_id, error)

    def record_plan(self, attempt_id: UUID, *, fence: int, plan: Plan) -> bool:
        """See `ports.HealStore.record_plan`."""
        phase = healing_actions.c.phase
        before_its_act = or_(phase.is_(None), phase == Phase.PREPARED.value)
        return self._change(attempt_id, fence, before_its_act, plan=clean(plan_json(plan)), phase=Phase.PREPARED.value)

    def announce_act(self, attempt_id: UUID, *, fence: int, timeout: timedelta) -> bool:
        """See `ports.HealStore.announce_act`; a lease with less than a quarter left does not cover an act."""
        return self._change(
            attempt_id,
            fence,
            healing_actions.c.phase == Phase.PREPARED.value,
            healing_actions.c.lease_until > func.now() + self._lease / 4,
            or_(healing_actions.c.prediction_id.is_(None), func.prediction_stands(healing_actions.c.prediction_id)),
            phase=Phase.ACTING.value,
            act_started_at=func.now(),
            act_deadline=func.now() + timeout,
        )

    def enter(self, attempt_id: UUID, *, fence: int, phase: Phase) -> bool:
        """See `ports.HealStore.enter`."""
        ended = {"act_ended_at": func.coalesce(healing_actions.c.act_ended_at, func.now())}
        return self._change(attempt_id, fence, phase=phase.value, **(ended if phase is Phase.VERIFYING else {}))

    def settle(self, attempt_id: UUID, *, fence: int, outcome: Outcome, execution_ms: int | None) -> bool:
        """See `ports.HealStore.settle`."""
        statement = (
            update(healing_actions)
            .where(*_held(attempt_id, fence))
            .values(
                status=outcome.status.value,
                success=outcome.status is Status.SUCCESS,
                verification=None if outcome.verification is None else outcome.verification.value,
                rollback_outcome=outcome.rollback.value,
                error_message=None if outcome.status is Status.SUCCESS else shorten(outcome.message, 2000),
                details=healing_actions.c.details.concat({"message": shorten(outcome.message, 2000)}),
                execution_time_ms=execution_ms,
                completed_at=func.clock_timestamp(),
                lease_until=None,
                interrupted=outcome.interrupted,
            )
            .returning(*healing_actions.c)
        )
        with transaction(self._engine) as connection:
            row = connection.execute(statement).first()
            if row is None:
                return bool(connection.scalar(select(exists().where(*_settled(attempt_id, fence)))))
            if row.prediction_id is None:
                connection.execute(_consequence(row.fault_id, outcome))
                self._tell_breaker(connection, row, outcome, acted=execution_ms is not None)
            else:
                if outcome.verification is not Verification.HEALED:
                    connection.execute(_consequence(row.fault_id, outcome))
                connection.execute(select(func.settle_foretold(row.prediction_id, row.verification)))
            apart = "" if row.prediction_id is None else PREEMPT
            self._modes.judge_in(connection, apart + row.action_name, row.mode)
            recoveries.note_in(connection, row, outcome)
        return True

    def held_back(self, attempt_id: UUID, *, mode: str) -> str:
        """See `ports.HealStore.held_back`."""
        with transaction(self._engine) as connection:
            return connection.scalar(select(func.held_back(attempt_id, mode))) or ""

    def stands(self, prediction: UUID) -> bool:
        """See `ports.HealStore.stands`."""
        with transaction(self._engine) as connection:
            return bool(connection.scalar(select(func.prediction_stands(prediction))))

    def _tell_breaker(self, connection: Connection, row: Row[Any], outcome: Outcome, *, acted: bool) -> None:
        """A verified outcome counts; one that never acted, or whose healer died, gives its permit back.

        What stood down at its own last look had been announced, and did not act either: it has no execution time.
        """
        name, permit = f"heal:{row.action_name}", Permit(id=row.id, generation=row.breaker_generation)
        if row.act_started_at is None or outcome.interrupted or not acted:
            self._breakers.give_back_in(connection, name, permit.id)
        else:
            healed = outcome.verification is Verification.HEALED
            note = f"{row.target_component}: {outcome.message}"
            self._breakers.tell_in(connection, name, permit, success=healed, note=note)

    def release(self, attempt_id: UUID, *, fence: int, holder: Holder) -> None:
        """See `ports.HealStore.release`."""
        held_by = healing_actions.c.holder == asdict(holder)
        self._change(attempt_id, fence, held_by, holder=null(), lease_until=func.now())

    def attempt(self, attempt_id: UUID) -> Attempt | None:
        """See `ports.HealStore.attempt`."""
        with transaction(self._engine) as connection:
            row = connection.execute(select(healing_actions).where(healing_actions.c.id == attempt_id)).first()
        return None if row is None else attempt_of(row)

    def expired(self) -> Sequence[Attempt]:
        """See `ports.HealStore.expired`."""
        act_is_over = or_(
            healing_actions.c.phase.is_distinct_from(Phase.ACTING.value),
            healing_actions.c.act_deadline < func.now(),
        )
        statement = (
            select(healing_actions)
            .where(
                healing_actions.c.status.in_(_UNFINISHED),
                healing_actions.c.lease_until < func.now(),
                act_is_over,
            )
            .order_by(healing_actions.c.created_at)
        )
        with transaction(self._engine) as connection:
            rows = connection.execute(statement).all()
        return [attempt for row in rows if (attempt := _readable(row)) is not None]

    def has_open_fault(self, target: str) -> bool:
        """See `ports.HealStore.has_open_fault`."""
        with transaction(self._engine) as connection:
            return bool(connection.scalar(select(exists().where(_open(target)))))

    def stopped_by_us(self, target: str) -> bool:
        """See `ports.HealStore.stopped_by_us`."""
        with transaction(self._engine) as connection:
            return bool(connection.scalar(_STOPPED_BY_US, {"target": target}))

    def close_recovered(self, target: str, *, seen_at: datetime, except_of: Collection[str] = ()) -> bool:
        """See `ports.HealStore.close_recovered`.

        The fault is locked first: an attempt that is being admitted on it is seen by the second statement, or finds
        the fault closed. What looks well and is a breaker's to heal stays open while a person is asked about it.
        """
        attempts = healing_actions.c
        touched = exists().where(
            attempts.target_key == target, or_(attempts.status.in_(_UNFINISHED), attempts.completed_at > seen_at)
        )
        words = approvals.c
        asked = exists().where(
            words.fault_id == faults.c.id,
            words.closed_at.is_(None),
            func.coalesce(words.use_by, words.expires_at) > func.now(),
        )
        of_breaker = faults.c.trigger_type.in_([one.value for one in NOT_OF_HEALTH])
        statement = (
            update(faults)
            .where(_open(target), faults.c.detected_at < seen_at, ~touched, ~and_(of_breaker, asked))
            .where(faults.c.component.not_in(except_of))
            .values(verified_at=func.now(), closed_at=func.now(), resolution="RECOVERED")
        )
        with transaction(self._engine) as connection:
            connection.execute(select(faults.c.id).where(_open(target)).with_for_update())
            return connection.execute(statement).rowcount > 0

    def _change(self, attempt_id: UUID, fence: int, *conditions: ColumnElement[bool], **values: Any) -> bool:
        """Change an attempt that is still held under this fence."""
        statement = update(healing_actions).where(*_held(attempt_id, fence), *conditions).values(**values)
        with transaction(self._engine) as connection:
            return connection.execute(statement).rowcount > 0


def _decided(asked: Mapping[str, Any]) -> Answer:
    """What admission said.

    Raises:
        PlanNeeded: it must know first what an action would do.
    """
    if asked["decision"] == "PLAN":
        raise PlanNeeded(asked["action"])
    return _answer(asked)


def _uses(asked: Mapping[str, Any], action: str) -> bool:
    """Whether an attempt of this action has just been admitted."""
    return asked["decision"] == "ADMITTED" and not asked["repeated"] and asked["action"] == action


def _answer(asked: Mapping[str, Any]) -> Answer:
    """What admission or its preview said."""
    known = {one.name for one in fields(Answer)}
    decision = Decision.AWAITING_APPROVAL if asked["decision"] == "ASK" else Decision(asked["decision"])
    return Answer(**{key: value for key, value in asked.items() if key in known} | {"decision": decision})


def _readable(row: Row[Any]) -> Attempt | None:
    """The attempt, or None for one that another release wrote in words of its own: it must not hide the others."""
    try:
        return attempt_of(row)
    except (TypeError, ValueError, KeyError) as error:
        _log.error("attempt %s cannot be read by this release: %s", row.id, error)
        return None


def _held(attempt_id: UUID, fence: int) -> tuple[ColumnElement[bool], ...]:
    """Whether the attempt is still held under this fence."""
    return (
        healing_actions.c.id == attempt_id,
        healing_actions.c.fence == fence,
        healing_actions.c.status == Status.RUNNING.value,
    )


def _displaced() -> ColumnElement[Any]:
    """What a claim adds to the metadata: its holder of now is one more of those that did not let go of it."""
    held_by = healing_actions.c.holder
    known = func.coalesce(healing_actions.c.details["displaced"], literal([], JSONB))
    told = func.jsonb_build_object("displaced", known.concat(func.jsonb_build_array(held_by)))
    return case((held_by.is_(None), literal({}, JSONB)), else_=told)


def _with_run(run: str) -> ColumnElement[Any]:
    """The metadata of an attempt with this flow run: the first is `flow_run`, another one is among `later_runs`."""
    details = healing_actions.c.details
    first, later = details["flow_run"].astext, func.coalesce(details["later_runs"], literal([], JSONB))
    return case(
        (first.is_(None), details.concat({"flow_run": run})),
        (or_(first == run, later.contains([run])), details),
        else_=details.concat(func.jsonb_build_object("later_runs", later.concat([run]))),
    )


def _settled(attempt_id: UUID, fence: int) -> tuple[ColumnElement[bool], ...]:
    """Whether the attempt was settled under this fence."""
    return (
        healing_actions.c.id == attempt_id,
        healing_actions.c.fence == fence,
        healing_actions.c.completed_at.is_not(None),
    )


def _open(target: str) -> ColumnElement[bool]:
    """The open fault of a target; what is only foretold of it is none."""
    return and_(faults.c.target_key == target, faults.c.closed_at.is_(None), faults.c.prediction_id.is_(None))


def _consequence(fault_id: UUID, outcome: Outcome) -> Any:
    """What an outcome means for the fault: closed, handed to a person, or still open."""
    if outcome.verification is Verification.HEALED:
        return (
            update(faults)
            .where(faults.c.id == fault_id, faults.c.closed_at.is_(None))
            .values(verified_at=func.clock_timestamp(), closed_at=func.clock_timestamp(), resolution="HEALED")
        )
    useless = or_(healing_actions.c.interrupted, healing_actions.c.act_started_at.is_(None))
    fruitless = select(func.count()).where(healing_actions.c.fault_id == fault_id, useless).scalar_subquery()
    handed_over = or_(literal(outcome.escalate), fruitless >= FRUITLESS_BEFORE_A_PERSON)
    return select(func.hand_over(faults.c.id, faults.c.component, shorten(outcome.message, 500))).where(
        faults.c.id == fault_id, handed_over
    )

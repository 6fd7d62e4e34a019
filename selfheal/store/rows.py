"""Between rows and values: what a `healing_actions` row says, as the domain knows it."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from selfheal.model.attempt import (
    Attempt,
    Holder,
    Outcome,
    Phase,
    Plan,
    RollbackOutcome,
    Status,
    Verification,
)
from selfheal.model.observation import Incarnation
from selfheal.model.trigger import ForetoldMetric


def attempt_of(row: Row[Any]) -> Attempt:
    """The attempt that a whole row describes."""
    return Attempt(
        id=row.id,
        fault_id=row.fault_id,
        component=row.target_component,
        target=row.target_key,
        action=row.action_name,
        trigger_type=row.trigger_type,
        status=Status(row.status),
        fence=row.fence,
        phase=None if row.phase is None else Phase(row.phase),
        holder=None if row.holder is None else Holder(**row.holder),
        act_deadline=row.act_deadline,
        runs=row.runs,
        plan=None if row.plan is None else plan_of(row.plan),
        created_at=row.created_at,
        flow_runs=_runs_of(row.details),
        outcome=None if row.completed_at is None else _outcome_of(row),
        foretold=_foretold(row),
        approved=row.details.get("approval", {}).get("fingerprint", ""),
        displaced=tuple(Holder(**one) for one in row.details.get("displaced", ())),
    )


def _foretold(row: Row[Any]) -> ForetoldMetric | None:
    """The prediction, as admission wrote it."""
    told = row.details.get("foretold")
    return None if row.prediction_id is None or told is None else ForetoldMetric(id=row.prediction_id, **told)


def _runs_of(details: dict[str, Any]) -> tuple[UUID, ...]:
    """The flow runs that have carried it out, as the claims wrote them."""
    first = details.get("flow_run")
    return () if first is None else tuple(UUID(one) for one in (first, *details.get("later_runs", ())))


def plan_of(stored: dict[str, Any]) -> Plan:
    """The plan as `plan_json` wrote it."""
    before = stored["before"]
    return Plan(
        before=None if before is None else Incarnation(**before),
        rollback=stored["rollback"],
        evidence=stored["evidence"],
        steps=tuple(stored["steps"]),
        parameters=stored.get("parameters", {}),
        timeout_s=stored.get("timeout_s"),
        found=stored.get("found", {}),
        wanted=stored.get("wanted", {}),
    )


def plan_json(plan: Plan) -> dict[str, Any]:
    """The plan as jsonb."""
    return asdict(plan)


def _outcome_of(row: Row[Any]) -> Outcome:
    """The outcome of a finished row."""
    return Outcome(
        status=Status(row.status),
        verification=None if row.verification is None else Verification(row.verification),
        message=row.details.get("message", ""),
        rollback=RollbackOutcome(row.rollback_outcome),
        interrupted=row.interrupted,
    )

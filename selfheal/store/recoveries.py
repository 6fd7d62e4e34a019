"""What recoveries leave behind: the client's history, word to a person, and how the workflows are as a whole.

A row of the history has the id of its attempt and is written in the transaction that records the outcome: there is one
for each recovery that was begun, whoever died meanwhile.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row, func, insert, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.engine import Connection

from selfheal.model.attempt import Outcome, Status
from selfheal.model.workflow import RecoveryType
from selfheal.model.workflow_health import Level, WorkflowHealth
from selfheal.store.engine import transaction
from selfheal.store.tables import alert_outbox, faults, healing_actions, workflow_health, workflow_recovery_history
from selfheal.store.text import clean, shorten

ACTION_TYPES = frozenset({"RETRY_WORKFLOW", "BLOCK_WORKFLOW"})
_TARGETS = "workflow/%"
_COLUMNS = frozenset({"level", "checked_at"})
_TOLD_ONCE = text("SELECT pg_advisory_xact_lock(hashtext('selfheal.told_once'))")


class Recoveries:
    """The store of what recoveries leave behind.

    Args:
        engine: the database, as healing_user.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def healed_since(self, target: str, since: datetime) -> bool:
        """See `protocol.workflow_looks.HealsDone`."""
        columns = healing_actions.c
        healed = (columns.target_key == target, columns.status == Status.SUCCESS.value, columns.act_started_at > since)
        with transaction(self._engine) as connection:
            return connection.execute(select(columns.id).where(*healed).limit(1)).first() is not None

    def open_faults(self) -> Sequence[str]:
        """The workflows that have an open fault, by name."""
        columns = faults.c
        sick = (columns.closed_at.is_(None), columns.prediction_id.is_(None), columns.target_key.like(_TARGETS))
        statement = select(columns.component).where(*sick)
        with transaction(self._engine) as connection:
            return list(connection.scalars(statement.order_by(columns.component)))

    def tell_once(self, *, severity: str, key: str, message: str, details: dict[str, Any]) -> bool:
        """Tell a person, unless they were told of this before, whenever that was; whether they are told now."""
        columns = alert_outbox.c
        with transaction(self._engine) as connection:
            connection.execute(_TOLD_ONCE)
            if connection.execute(select(columns.id).where(columns.dedup_key == key[:200]).limit(1)).first():
                return False
            _tell(connection, severity=severity, key=key, message=message, details=details)
            return True

    def keep(self, health: WorkflowHealth) -> None:
        """Write down how the workflows are, in place of what was known before of a check of this kind."""
        kind = "full" if health.full else "scan"
        values = {
            "level": health.level.value,
            "found_at": func.now(),
            "details": clean({name: one for name, one in asdict(health).items() if name not in _COLUMNS}),
        }
        statement = upsert(workflow_health).values(kind=kind, **values)
        with transaction(self._engine) as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=["kind"], set_=values))

    def latest(self, *, full: bool = False) -> WorkflowHealth | None:
        """The newest check, or the newest full one; None: there was none."""
        columns = workflow_health.c
        statement = select(workflow_health).order_by(columns.found_at.desc()).limit(1)
        with transaction(self._engine) as connection:
            row = connection.execute(statement.where(columns.kind == "full") if full else statement).first()
        return None if row is None else _health(row)


def note_in(connection: Connection, row: Row[Any], outcome: Outcome) -> None:
    """Write down the recovery that this attempt was, in the transaction of its outcome; nothing for any other attempt.

    Args:
        connection: of that transaction.
        row: the settled attempt.
        outcome: its outcome.
    """
    if row.action_type not in ACTION_TYPES or row.act_started_at is None:
        return
    plan, evidence = row.plan["parameters"], row.plan["evidence"]
    success = outcome.status is Status.SUCCESS
    connection.execute(
        insert(workflow_recovery_history).values(
            id=row.id,
            req_number=row.target_component,
            recovery_type=plan["type"],
            stuck_duration_minutes=evidence["stuck_minutes"],
            last_completed_stage=plan["last_completed"],
            recovery_action=f"{row.action_name}: {plan['status']} at stage {plan['stage']}"[:100],
            success=success,
            error_message=None if success else shorten(outcome.message, 2000),
        )
    )
    if success and plan["type"] == RecoveryType.MARK_BLOCKED.value:
        _tell(
            connection,
            severity="WARNING",
            key=f"workflow/{row.target_component}/blocked",
            message=f"{row.target_component} is blocked and waits for a person: {evidence['plan']}",
            details={"workflow": row.target_component, "fault": str(row.fault_id)},
        )


def _tell(connection: Connection, *, severity: str, key: str, message: str, details: dict[str, Any]) -> None:
    values = {"dedup_key": shorten(key, 200), "message": shorten(message, 1000), "details": clean(details)}
    connection.execute(insert(alert_outbox).values(severity=severity, **values))


def _health(row: Row[Any]) -> WorkflowHealth:
    return WorkflowHealth(level=Level(row.level), checked_at=row.found_at, **row.details)

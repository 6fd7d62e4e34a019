"""Admission at its desk: asks under some limits, ends what was admitted, and lets time pass. For the tests of limits.

`tests/conftest.py` imports the fixtures `desk` and `owner_engine`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from embedded_fixtures import Embedded
from sqlalchemy import Engine, text
from uuid6 import uuid7

from deployments.embedded import roles
from selfheal.model.admission import Answer, Decision, Limits, Place, Refusal, Rung
from selfheal.model.attempt import Holder, Outcome, Plan, Status, Verification
from selfheal.model.observation import Health, Observation
from selfheal.model.trigger import Priority, Source, Trigger, TriggerType
from selfheal.store.engine import open_engine
from selfheal.store.heals import Heals

RACERS = 16
MINUTE = timedelta(minutes=1)
RESTART = Rung(action="restart-service", action_type="RESTART_SERVICE")
SECOND = Rung(action="restore-nats-connection", action_type="RESTORE_NATS_CONNECTION")
WIDE = Limits(at_once=1000, in_10_min=1000, in_hour=1000, storm_group=0, storm_estate=0)
FAILED = Outcome(status=Status.FAILED, verification=Verification.NOT_HEALED, message="still sick")
HEALED = Outcome(status=Status.SUCCESS, verification=Verification.HEALED, message="healed")


@dataclass(frozen=True, kw_only=True)
class Desk:
    """Admission under some limits, and what it has written."""

    engine: Engine
    limits: Limits

    @property
    def heals(self) -> Heals:
        return Heals(self.engine, self.limits)

    def ask(
        self,
        component: str = "backend",
        *,
        rungs: Sequence[Rung] = (RESTART,),
        priority: Priority = Priority.HIGH,
        source: Source = Source.WATCHER,
        seen: timedelta = timedelta(0),
        refusal: Refusal | None = None,
        **place: Any,
    ) -> Answer:
        now = datetime.now(UTC)
        trigger = Trigger(
            id=uuid7(),
            type=TriggerType.SERVICE_DOWN,
            component=component,
            source=source,
            priority=priority,
            reason="it is down",
            detected_at=now - seen,
        )
        sick = Observation(component=component, health=Health.SICK, detail="gone", observed_at=now - seen)
        where = Place(target=target(component), **place)
        return self.heals.admit(trigger, place=where, rungs=rungs, observation=sick, refusal=refusal)

    def end(self, answer: Answer, outcome: Outcome = FAILED) -> None:
        """Carry an admitted attempt to its outcome."""
        assert answer.attempt_id is not None, answer
        attempt = self.heals.claim(answer.attempt_id, fence=0, holder=Holder(host="here", pid=1, started=1))
        assert attempt is not None
        assert self.heals.record_plan(attempt.id, fence=1, plan=Plan())
        assert self.heals.announce_act(attempt.id, fence=1, timeout=MINUTE)
        assert self.heals.settle(attempt.id, fence=1, outcome=outcome, execution_ms=5)

    def past(self, component: str, ago: timedelta, outcome: Outcome = FAILED, **asked: Any) -> Answer:
        """An attempt that was made so long ago, as if the limits had not been there then."""
        answer = replace(self, limits=WIDE).ask(component, **asked)
        self.end(answer, outcome)
        moved = "UPDATE healing_actions SET created_at = created_at - :ago, completed_at = completed_at - :ago"
        with self.engine.begin() as connection:
            connection.execute(text(f"{moved} WHERE id = :id"), {"ago": ago, "id": answer.attempt_id})
            connection.execute(
                text(
                    "UPDATE faults SET detected_at = detected_at - :ago, start_from = start_from - :ago WHERE id = :id"
                ),
                {"ago": ago, "id": answer.fault_id},
            )
        return answer

    def sick(self, component: str, ago: timedelta = timedelta(0), **asked: Any) -> None:
        """A component that became sick so long ago, and nothing was done."""
        refused = Refusal(decision=Decision.NOT_ALLOWED, reason="the test wants it sick")
        fault = self.ask(component, refusal=refused, **asked).fault_id
        with self.engine.begin() as connection:
            moved = "UPDATE faults SET detected_at = detected_at - :ago, start_from = start_from - :ago WHERE id = :id"
            connection.execute(text(moved), {"ago": ago, "id": fault})

    def passes(self, by: timedelta) -> None:
        """Let time pass: what is written lies that much further back."""
        with self.engine.begin() as connection:
            for table, columns in {
                "healing_actions": ("created_at", "completed_at", "lease_until"),
                "faults": ("detected_at", "start_from"),
                "storms": ("began_at", "quiet_at"),
                "circuit_breaker_state": ("open_until", "updated_at"),
            }.items():
                moved = ", ".join(f"{one} = {one} - :by" for one in columns)
                connection.execute(text(f"UPDATE {table} SET {moved}"), {"by": by})  # noqa: S608 - written above

    def do(self, sql: str) -> None:
        """As a person's command, or time, would."""
        with self.engine.begin() as connection:
            connection.execute(text(sql))

    def some(self, sql: str) -> Sequence[Any]:
        """The first column of all rows."""
        with self.engine.connect() as connection:
            return connection.scalars(text(sql)).all()

    def one(self, sql: str) -> Any:
        with self.engine.connect() as connection:
            return connection.scalar(text(sql))


def target(component: str) -> str:
    return f"supervisor/demo/{component}"


@pytest.fixture
def desk(owner_engine: Engine) -> Callable[..., Desk]:
    """A desk under wide limits, but for those named."""
    return lambda **limits: Desk(engine=owner_engine, limits=replace(WIDE, **limits))


@pytest.fixture
def owner_engine(empty: Engine, embedded_postgres: Embedded) -> Iterator[Engine]:
    """The database as one who may also move what is written into the past."""
    engine = open_engine(embedded_postgres.url(roles.MIGRATOR), pool_size=RACERS)
    yield engine
    engine.dispose()

"""Admission, people, and who carries out what they approve. For the tests of approvals.

`tests/conftest.py` imports the fixture `counter`.
"""

import hashlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from admission_desk import RESTART, WIDE, target
from sqlalchemy import Engine, text
from uuid6 import uuid7

from selfheal.model.admission import Answer, Decision, Limits, Place, Refusal, Rung
from selfheal.model.approval import ApprovalDetail, Proposal
from selfheal.model.attempt import Holder, Outcome, Plan, Status, Verification
from selfheal.model.errors import PlanNeeded
from selfheal.model.identity import Door, Identity, Role
from selfheal.model.observation import Health, Observation
from selfheal.model.trigger import Priority, Source, Trigger, TriggerType
from selfheal.policy.approval import fingerprint
from selfheal.store.approvals import Approvals
from selfheal.store.heals import Heals
from selfheal.store.raised import RaisedTriggers

ASKING = replace(RESTART, mode="approve")
HEALED = Outcome(status=Status.SUCCESS, verification=Verification.HEALED, message="healed")
MINUTE = timedelta(minutes=1)
HEALTHY = Refusal(decision=Decision.ALREADY_HEALTHY, reason="it is healthy")


_LET_IN = text(
    """INSERT INTO person_tokens (id, name, role, hash, issued_by, expires_at)
       VALUES (:token, :name, :role, :hash, 'root', now() + interval '1 day') ON CONFLICT (hash) DO NOTHING"""
)
_WRITE = text(
    """UPDATE approvals SET decision = :word, decided_at = now(), decided_by = :name, decided_token = :token,
              decided_via = 'api', decision_why = 'x', use_by = CASE WHEN NOT :denied THEN now() + interval '1 min' END,
              closed_at = CASE WHEN :denied THEN now() END, closing = CASE WHEN :denied THEN 'DENIED' END
       WHERE id = :id"""
)


def person(name: str = "grace", role: Role = Role.APPROVER) -> Identity:
    """Somebody; the desk lets them in when they answer, whatever their name."""
    proof = hashlib.sha256(f"{name}/{role}".encode()).digest()
    return Identity(name=name, role=role, token=UUID(bytes=proof[:16]), proof=proof)


@dataclass(frozen=True, kw_only=True)
class Counter:
    """Where people are asked, answer, and see what becomes of it."""

    engine: Engine
    api: Engine
    limits: Limits = field(default=WIDE)

    @property
    def approvals(self) -> Approvals:
        """As the web server, which alone may answer."""
        return Approvals(self.api)

    @property
    def heals(self) -> Heals:
        return Heals(self.engine, self.limits)

    def trigger(self, component: str = "backend", *, who: str = "", **more: Any) -> Trigger:
        values: dict[str, Any] = {
            "id": uuid7(),
            "type": TriggerType.SERVICE_DOWN,
            "component": component,
            "source": Source.PERSON if who else Source.WATCHER,
            "priority": Priority.HIGH,
            "reason": "it is down",
            "detected_at": datetime.now(UTC),
            "who": who,
        }
        return Trigger(**values | more)

    def admit(
        self,
        trigger: Trigger,
        *,
        rungs: tuple[Rung, ...] = (ASKING,),
        parameters: dict[str, Any] | None = None,
        refusal: Refusal | None = None,
    ) -> Answer:
        """Ask admission, with what the action would do where it wants to know that, as `steps.admit` does."""
        sick = Observation(
            component=trigger.component, health=Health.SICK, detail="gone", observed_at=datetime.now(UTC)
        )
        plans: dict[str, Proposal] = {}
        while True:
            try:
                return self.heals.admit(
                    trigger,
                    place=Place(target=target(trigger.component)),
                    rungs=rungs,
                    observation=sick,
                    refusal=refusal,
                    plans=tuple(plans.values()),
                )
            except PlanNeeded as needed:
                plans[needed.action] = Proposal(
                    action=needed.action,
                    fingerprint=fingerprint(needed.action, target(trigger.component), parameters or {}),
                    parameters=parameters or {},
                    steps=("restart it",),
                    blast_radius="it",
                    within=MINUTE,
                    evidence={"log": ["it is gone"]},
                )

    def ask(self, component: str = "backend", *, who: str = "") -> ApprovalDetail:
        """A trigger that asks; its question."""
        answer = self.admit(self.trigger(component, who=who))
        assert answer.decision is Decision.AWAITING_APPROVAL, answer
        return self.approvals.one(UUID(answer.reason.rpartition(" ")[2]))

    def answer(
        self, asked: ApprovalDetail, by: Identity | None = None, *, approve: bool = True, why: str = "seen"
    ) -> Any:
        return self.approvals.answer(
            asked.id,
            approve=approve,
            identity=self.let_in(by or person()),
            door=Door.CLI,
            why=why,
            fingerprint=asked.fingerprint,
        )

    def let_in(self, who: Identity) -> Identity:
        """Their token is known from now on."""
        self.run(_LET_IN.text, token=who.token, name=who.name, role=who.role.value, hash=who.proof)
        return who

    def write_answer(self, asked: ApprovalDetail, who: Identity, word: str = "APPROVED") -> None:
        """Past all that looks at an answer before: as the web server's role, on its own connection."""
        denied = word == "DENIED"
        values = {"id": asked.id, "word": word, "name": who.name, "token": who.token, "denied": denied}
        with self.api.begin() as connection:
            connection.execute(text("SELECT set_config('app.proof', :proof, true)"), {"proof": who.proof.hex()})
            connection.execute(_WRITE, values)

    def due(self) -> list[Trigger]:
        """What waits for its heal, as if it had not been asked for lately."""
        self.run("UPDATE raised_triggers SET next_try_at = now()")
        return list(RaisedTriggers(self.engine).due(limit=20, pause=MINUTE))

    def end(self, answer: Answer, outcome: Outcome = HEALED) -> None:
        """Carry an admitted attempt to its outcome."""
        assert answer.attempt_id is not None, answer
        attempt = self.heals.claim(answer.attempt_id, fence=0, holder=Holder(host="here", pid=1, started=1))
        assert attempt is not None
        assert self.heals.record_plan(attempt.id, fence=1, plan=Plan())
        assert self.heals.announce_act(attempt.id, fence=1, timeout=MINUTE)
        assert self.heals.settle(attempt.id, fence=1, outcome=outcome, execution_ms=5)

    def passes(self, by: timedelta) -> None:
        """Let time pass for the questions."""
        moved = ", ".join(f"{one} = {one} - :by" for one in ("asked_at", "expires_at", "decided_at", "use_by"))
        self.run(f"UPDATE approvals SET {moved}", by=by)  # noqa: S608 - written above

    def recovers(self, component: str = "backend") -> None:
        """It is healthy again, without us."""
        assert self.heals.close_recovered(target(component), seen_at=datetime.now(UTC))

    def state(self, asked: ApprovalDetail) -> str:
        return self.approvals.one(asked.id).state

    def run(self, sql: str, **values: Any) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(sql), values)

    def one(self, sql: str) -> Any:
        with self.engine.connect() as connection:
            return connection.scalar(text(sql))


@pytest.fixture
def counter(owner_engine: Engine, api_engine: Engine) -> Counter:
    """The database as one who may also move what is written into the past, and as the web server."""
    return Counter(engine=owner_engine, api=api_engine)


__all__ = ["Counter", "counter", "person"]

"""Questions to people and their answers, in Postgres: admission asks, a person answers once, admission uses it once."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, Row, text
from sqlalchemy.engine import Connection

from selfheal.model.approval import (
    AnswerRefusal,
    AnswerRefused,
    Approval,
    ApprovalDetail,
    ApprovalState,
    EarlierAttempt,
    Word,
)
from selfheal.model.errors import Transient
from selfheal.model.identity import Door, Identity
from selfheal.policy.approval import refuse_answer
from selfheal.store.engine import transaction
from selfheal.store.text import identifier, shorten

USE_WITHIN = timedelta(minutes=10)

_NEWEST = text(
    """SELECT s.* FROM approval_states s WHERE s.state IN ('OPEN', 'APPROVED') OR :ended
       ORDER BY s.state NOT IN ('OPEN', 'APPROVED'), s.asked_at DESC LIMIT :limit"""
)
_ONE = text(
    """SELECT s.*, s.target_key AS target, f.detected_at, f.closed_at AS fault_closed_at
       FROM approval_states s JOIN faults f ON f.id = s.fault_id WHERE s.id = :id"""
)
_ATTEMPTS = text(
    """SELECT a.id, a.action_name AS action, a.status, a.created_at, coalesce(a.metadata ->> 'message', '') AS message
       FROM healing_actions a WHERE a.fault_id = :fault ORDER BY a.created_at"""
)
# The one statement that decides: of two answers at once the second finds the row decided. What follows from it is
# written by a trigger of the table (v0001_approvals.sql): no role that answers may write that itself.
_ANSWER = text(
    """UPDATE approvals a
       SET decision = :word, decided_at = now(), decided_by = :name, decided_token = :token, decided_via = :door,
           decision_why = :why, use_by = now() + CAST(:use_within AS interval),
           closed_at = CASE WHEN CAST(:denied AS boolean) THEN now() END,
           closing = CASE WHEN CAST(:denied AS boolean) THEN 'DENIED' END
       FROM faults f
       WHERE a.id = :id AND a.decision IS NULL AND a.closed_at IS NULL AND a.expires_at > now()
         AND f.id = a.fault_id AND f.closed_at IS NULL"""
)


# The secret behind the answer, for this transaction: the table's trigger takes no answer without one.
_PROVE = text("SELECT set_config('app.proof', :proof, true)")


class Approvals:
    """The store of questions and answers.

    Args:
        engine: the database, as any role that may read; to answer, as selfheal_api.
        use_within: what was approved begins within this time, or not at all.
    """

    def __init__(self, engine: Engine, *, use_within: timedelta = USE_WITHIN) -> None:
        self._engine = engine
        self._use_within = use_within

    def newest(self, *, limit: int, ended: bool) -> Sequence[Approval]:
        """Those that wait for an answer or their run, then those that ended if wanted; the newest of each first."""
        with transaction(self._engine) as connection:
            rows = connection.execute(_NEWEST, {"limit": limit, "ended": ended}).all()
        return [approval_of(row) for row in rows]

    def one(self, approval: UUID) -> ApprovalDetail:
        """All that is known of one.

        Raises:
            AnswerRefused: UNKNOWN: there is none.
        """
        with transaction(self._engine) as connection:
            return _one(connection, approval)

    def answer(  # noqa: PLR0913 - each is a part of the answer
        self, approval: UUID, *, approve: bool, identity: Identity, door: Door, why: str, fingerprint: str
    ) -> Approval:
        """Answer a question, once; with an approval its run is raised in the same transaction.

        Args:
            approval: which one.
            approve: or deny: then nobody but a person asks it again for the same fault.
            identity: who answers: approver or admin, and not who asked.
            door: where they came in.
            why: their reason; without one nothing is denied.
            fingerprint: what they saw that they answer.

        Raises:
            AnswerRefused: by name; nothing was changed.
        """
        word = Word.APPROVED if approve else Word.DENIED
        return self._answer(approval, word, identity, door, why=why, fingerprint=fingerprint)

    def break_glass(self, approval: UUID, *, identity: Identity, door: Door, why: str, fingerprint: str) -> Approval:
        """An admin's own word for what nobody else can answer, perhaps their own question; a CRITICAL alert tells it.

        Raises:
            AnswerRefused: as `answer`, but for SELF_APPROVAL.
        """
        return self._answer(approval, Word.BREAK_GLASS, identity, door, why=why, fingerprint=fingerprint)

    def _answer(  # noqa: PLR0913 - each is a part of the answer
        self, approval: UUID, word: Word, identity: Identity, door: Door, *, why: str, fingerprint: str
    ) -> Approval:
        why = shorten(why.strip(), 500)
        with transaction(self._engine) as connection:
            refuse_answer(_one(connection, approval), word, identity, why=why, fingerprint=fingerprint)
            values = {
                "id": approval,
                "word": word.value,
                "name": identifier(identity.name, 100),
                "token": identity.token,
                "door": door.value,
                "why": why,
                "use_within": None if word is Word.DENIED else self._use_within,
                "denied": word is Word.DENIED,
            }
            connection.execute(_PROVE, {"proof": identity.proof.hex()})
            if (
                connection.execute(_ANSWER, values).rowcount == 0
            ):  # since the look above: by whom, or by what, is told now
                refuse_answer(_one(connection, approval), word, identity, why=why, fingerprint=fingerprint)
                raise Transient(f"approval {approval} changes just now", hint="look at it again")
            return _one(connection, approval)


def approval_of(row: Row[Any]) -> Approval:
    """A row of `approval_states`."""
    return Approval(**_values(row, Approval))


def _one(connection: Connection, approval: UUID) -> ApprovalDetail:
    row = connection.execute(_ONE, {"id": approval}).first()
    if row is None:
        raise AnswerRefused(AnswerRefusal.UNKNOWN, f"there is no approval {approval}", hint="see `selfheal approvals`")
    attempts = connection.execute(_ATTEMPTS, {"fault": row.fault_id})
    tried = tuple(EarlierAttempt(**one._asdict()) for one in attempts)
    return ApprovalDetail(**_values(row, ApprovalDetail), attempts=tried)


def _values(row: Row[Any], kind: type[Approval]) -> dict[str, Any]:
    """The columns that make such a value."""
    kept = row._asdict()
    known = {one.name: kept[one.name] for one in fields(kind) if one.name in kept}
    word = known["decision"]
    return known | {
        "state": ApprovalState(known["state"]),
        "decision": None if word is None else Word(word),
        "preview": tuple(known["preview"]),
    }

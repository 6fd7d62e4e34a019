"""Circuit breakers in Postgres: one row each, changed by `policy.breaker` in one transaction, on the database's clock.

Admission and the results of heals use `ask_in` and `tell_in` within their own transaction; people and flows the rest.
Two that ask at once take turns on the row. A database that cannot be reached raises `Transient`: that is a denial.
"""

import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.engine import Connection

from selfheal.model.breaker import Breaker, Deed, Denial, Mode, Override, Permit, State, Thresholds
from selfheal.model.errors import Permanent
from selfheal.policy.breaker import Answer, Ask, Event, Force, GiveBack, Look, Release, Renew, Reset, Result, advance
from selfheal.store.breaker_rows import as_row, breaker_of, event_json, event_of
from selfheal.store.engine import transaction
from selfheal.store.tables import circuit_breaker_results, circuit_breaker_state, healing_actions

TRANSITION = "BREAKER_TRANSITION"
_CLOCK = text("SELECT clock_timestamp()")
_Make = Callable[[datetime], Event]


class Breakers:
    """The store of breakers.

    Args:
        engine: the database, as healing_user.
        limits: of the scope; a breaker's next event is judged by those of the process that brings it.
    """

    def __init__(self, engine: Engine, limits: Thresholds) -> None:
        self._engine = engine
        self._limits = limits

    def ask(self, name: str, permit: UUID) -> Permit | Denial:
        """May it be tried? The same permit again gets the same answer while its probe is under way."""
        with transaction(self._engine) as connection:
            answer = self.ask_in(connection, name, permit)
            if isinstance(answer, Denial):
                denied = update(circuit_breaker_state).where(circuit_breaker_state.c.component == name)
                connection.execute(denied.values(prevented=circuit_breaker_state.c.prevented + 1))
        return answer

    def ask_in(self, connection: Connection, name: str, permit: UUID) -> Permit | Denial:
        """The same within the caller's transaction. A closed breaker is only read: granting changes nothing."""
        row = connection.execute(
            select(
                circuit_breaker_state.c.state, circuit_breaker_state.c.mode, circuit_breaker_state.c.generation
            ).where(circuit_breaker_state.c.component == name)
        ).first()
        if row is None:
            return Permit(id=permit, generation=0)
        if row.state == State.CLOSED and row.mode == "AUTOMATIC":
            return Permit(id=permit, generation=row.generation)
        answer = self._change(connection, name, lambda at: Ask(at=at, permit=permit))
        if answer is None:
            raise AssertionError("an ask is always answered")
        return answer

    def tell(self, name: str, permit: Permit, *, success: bool) -> None:
        """How something that was permitted has ended."""
        with transaction(self._engine) as connection:
            self.tell_in(connection, name, permit, success=success)

    def tell_in(self, connection: Connection, name: str, permit: Permit, *, success: bool) -> None:
        """The same within the caller's transaction."""
        chance = random.uniform(-1, 1)  # noqa: S311 - spreads the retries; no secret
        self._change(connection, name, lambda at: Result(at=at, permit=permit, success=success, chance=chance))

    def give_back_in(self, connection: Connection, name: str, permit: UUID) -> None:
        """A probe was not needed after all; within the caller's transaction. Of a closed breaker: nothing to do."""
        state = circuit_breaker_state.c
        if connection.scalar(select(state.permits.has_key(str(permit))).where(state.component == name)):
            self._change(connection, name, lambda at: GiveBack(at=at, permit=permit))

    def renew(self, name: str, permit: UUID) -> None:
        """A probe is still under way."""
        self._alone(name, lambda at: Renew(at=at, permit=permit))

    def decide(self, name: str, deed: Deed, *, who: str, why: str, lasts: timedelta | None = None) -> None:
        """A person decides in place of the results.

        Args:
            name: of the breaker.
            deed: open and close hold until the override is ended by `automatic`, or has lasted.
            who: the person.
            why: their reason.
            lasts: of open and close; None: until somebody ends it.

        Raises:
            Permanent: nobody, or no reason, is named.
        """
        if not who.strip() or not why.strip():
            raise Permanent("a decision needs who and why", hint="they are recorded, and told to whom it refuses")
        self._alone(name, lambda at: _decision(deed, at, who=who.strip(), why=why.strip(), lasts=lasts))

    def look(self, name: str) -> Breaker:
        """The breaker now: what time alone does is done first."""
        self._alone(name, lambda at: Look(at=at))
        return self.state(name)

    def state(self, name: str) -> Breaker:
        """The breaker as it was written last; a new one if nothing was."""
        with transaction(self._engine) as connection:
            row = connection.execute(
                select(circuit_breaker_state).where(circuit_breaker_state.c.component == name)
            ).first()
        return Breaker(name=name) if row is None else breaker_of(row)

    def all(self) -> Sequence[Breaker]:
        """Every breaker that was ever told something, by name."""
        with transaction(self._engine) as connection:
            rows = connection.execute(select(circuit_breaker_state).order_by(circuit_breaker_state.c.component))
            return [breaker_of(row) for row in rows]

    def recent_failures(self, name: str, *, limit: int) -> Sequence[datetime]:
        """When it was told of failures, the newest first."""
        log = circuit_breaker_results.c
        with transaction(self._engine) as connection:
            return list(
                connection.scalars(
                    select(log.at)
                    .where(log.component == name, log.success.is_(False))
                    .order_by(log.place.desc())
                    .limit(limit)
                )
            )

    def replayed(self, name: str) -> Breaker:
        """The breaker that its recorded events make: equal to `state`, or something else has written there."""
        log = circuit_breaker_results.c
        with transaction(self._engine) as connection:
            events = connection.scalars(select(log.event).where(log.component == name).order_by(log.place)).all()
        breaker = Breaker(name=name)
        for event in events:
            breaker, _ = advance(breaker, event_of(event), self._limits)
        return breaker

    def _alone(self, name: str, make: _Make) -> None:
        with transaction(self._engine) as connection:
            self._change(connection, name, make)

    def _change(self, connection: Connection, name: str, make: _Make) -> Answer:
        """Lock the row, let time pass, let the event happen; write what changed."""
        locked = select(circuit_breaker_state).where(circuit_breaker_state.c.component == name).with_for_update()
        row = connection.execute(locked).first()
        if row is None:
            connection.execute(upsert(circuit_breaker_state).values(component=name).on_conflict_do_nothing())
            row = connection.execute(locked).one()
        at = max(connection.scalar(_CLOCK), row.updated_at)  # a clock that was set back orders nothing anew
        before = breaker_of(row)
        event = make(at)
        now = self._write(connection, before, Look(at=at))[0] if before.state is not State.CLOSED else before
        return self._write(connection, now, event)[1]

    def _write(self, connection: Connection, before: Breaker, event: Event) -> tuple[Breaker, Answer]:
        """The next breaker and the answer; state, log and a transition's row are written if it differs."""
        after, answer = advance(before, event, self._limits)
        if after == before:
            return after, answer
        state = circuit_breaker_state
        connection.execute(
            update(state).where(state.c.component == before.name).values(as_row(after) | {"updated_at": event.at})
        )
        connection.execute(
            insert(circuit_breaker_results).values(
                component=before.name,
                at=event.at,
                kind=type(event).__name__,
                success=event.success if isinstance(event, Result) else None,
                event=event_json(event),
                state=after.state.value,
                generation=after.generation,
            )
        )
        if after.generation != before.generation:
            connection.execute(insert(healing_actions).values(_transition(before, after, event)))
        return after, answer


def _decision(deed: Deed, at: datetime, *, who: str, why: str, lasts: timedelta | None) -> Event:
    """A person's decision as an event."""
    if deed is Deed.RESET:
        return Reset(at=at, who=who, why=why)
    if deed is Deed.AUTOMATIC:
        return Release(at=at, who=who, why=why)
    mode = Mode.FORCED_OPEN if deed is Deed.OPEN else Mode.FORCED_CLOSED
    return Force(at=at, override=Override(mode=mode, who=who, why=why, until=None if lasts is None else at + lasts))


def _transition(before: Breaker, after: Breaker, event: Event) -> dict[str, Any]:
    """A transition as a row of `healing_actions`; it is no attempt, and does not count as one."""
    words = f"{before.state} ({before.mode}) -> {after.state} ({after.mode}) by {type(event).__name__.lower()}"
    return {
        "trigger_type": "CIRCUIT_BREAKER",
        "action_type": TRANSITION,
        "action_name": "circuit-breaker",
        "target_component": before.name,
        "target_key": f"breaker/{before.name}",
        "status": "SUCCESS",
        "success": True,
        "completed_at": func.now(),
        "details": {"message": words, "event": event_json(event)},
    }

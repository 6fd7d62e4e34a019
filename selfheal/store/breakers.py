"""Circuit breakers in Postgres: one row each, changed by `policy.breaker` in one transaction, on the database's clock.

Admission and the results of heals use `ask_in` and `tell_in` within their own transaction, workflows `ask`, `renew` and
`ended`, people `decide` and the `BreakerBook`. Two that change one breaker at once take turns on its row.
"""

import logging
import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb
from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Connection

from selfheal.model.breaker import Breaker, BreakerDeed, Denial, Mode, Permit, State
from selfheal.model.breaker_event import Ask, Event, GiveBack, Look, Renew, Result
from selfheal.model.ending import Ending
from selfheal.model.errors import SelfhealError
from selfheal.policy.breaker import Answer, advance, decision, tripped
from selfheal.policy.breaker_names import checked
from selfheal.policy.endings import success_of
from selfheal.store.admission_values import NO_ADMISSION_NOW
from selfheal.store.breaker_book import CLOCK, BreakerBook
from selfheal.store.breaker_rows import as_log, as_row, as_transition, breaker_of, limits_json
from selfheal.store.engine import first_row, transaction
from selfheal.store.raised import raise_and_tell
from selfheal.store.tables import circuit_breaker_results, circuit_breaker_state, healing_actions
from selfheal.store.text import identifier, shorten

_log = logging.getLogger(__name__)
_LOOK = text("SELECT state, mode, generation FROM circuit_breaker_state WHERE component = :name")
_TELL = text(
    "SELECT tell_closed_breaker(:name, :permit, :generation, :success, :chance, :note,"
    " :window, :fewest, :trip_rate, :limits)"
)
_Make = Callable[[datetime], Event]


class Breakers(BreakerBook):
    """The store of breakers; fulfils `ports.AgentBreakers`.

    A breaker's next event is judged by the rules of the process that brings it, which are kept with the event.
    """

    def ask(self, name: str, permit: UUID) -> Permit | Denial:
        """See `ports.AgentBreakers.ask`. Of a closed breaker it is one read; every denial is counted as prevented."""
        checked(name)
        try:
            known = _at_once(first_row(self._engine, _LOOK, {"name": name}), permit)
            return known or self._ask_locked(name, permit)
        except SelfhealError as error:
            _log.warning("%s is denied, since its breaker cannot be asked: %s", name, error)
            return Denial(reason=f"the breaker {name} cannot be asked: {error.message}", asked=False)

    def _ask_locked(self, name: str, permit: UUID) -> Permit | Denial:
        with transaction(self._engine) as connection:
            answer = self.ask_in(connection, name, permit)
            if isinstance(answer, Denial):
                denied = update(circuit_breaker_state).where(circuit_breaker_state.c.component == name)
                connection.execute(denied.values(prevented=circuit_breaker_state.c.prevented + 1))
        return answer

    def ask_in(self, connection: Connection, name: str, permit: UUID) -> Permit | Denial:
        """The same within the caller's transaction, which counts a denial itself."""
        known = _granted_at_once(connection, name, permit)
        if known is not None:
            return known
        answer = self._change(connection, name, lambda at: Ask(at=at, permit=permit))
        if answer is None:
            raise AssertionError("an ask is always answered")
        return answer

    def ended(self, name: str, permit: Permit, ending: Ending, *, note: str = "") -> None:
        """See `ports.AgentBreakers.ended`."""
        success = success_of(ending)
        if success is None:
            self.give_back(name, permit)
        else:
            self.tell(name, permit, success=success, note=f"{ending} {note}".strip())

    def tell(self, name: str, permit: Permit, *, success: bool, note: str = "") -> None:
        """How something that was permitted has ended; telling it again changes nothing."""
        checked(name)
        told = first_row(self._engine, _TELL, self._told(name, permit, success=success, note=note))
        if told != (True,):
            with transaction(self._engine) as connection:
                self._tell_any(connection, name, permit, success=success, note=note)

    def tell_in(self, connection: Connection, name: str, permit: Permit, *, success: bool, note: str = "") -> None:
        """The same within the caller's transaction."""
        if not connection.scalar(_TELL, self._told(name, permit, success=success, note=note)):
            self._tell_any(connection, name, permit, success=success, note=note)

    def give_back(self, name: str, permit: Permit) -> None:
        """What was permitted did not happen, or says nothing: a probe's place goes to somebody else."""
        checked(name)
        with transaction(self._engine) as connection:
            self.give_back_in(connection, name, permit.id)

    def give_back_in(self, connection: Connection, name: str, permit: UUID) -> None:
        """The same within the caller's transaction. Of a closed breaker: nothing to do."""
        if self._probes(connection, name, permit):
            self._change(connection, name, lambda at: GiveBack(at=at, permit=permit))

    def renew(self, name: str, permit: Permit) -> bool:
        """See `ports.AgentBreakers.renew`."""
        checked(name)
        with transaction(self._engine) as connection:
            known = _granted_at_once(connection, name, permit.id)
            if known is not None:
                return known.generation == permit.generation
            self._change(connection, name, lambda at: Renew(at=at, permit=permit.id))
            return self._probes(connection, name, permit.id)

    def keep_probe(self, name: str, permit: UUID) -> None:
        """What was permitted is under way still: where it is a probe, its permit lasts longer. Else nothing to do."""
        checked(name)
        with transaction(self._engine) as connection:
            if self._probes(connection, name, permit):
                self._change(connection, name, lambda at: Renew(at=at, permit=permit))

    def decide(self, name: str, deed: BreakerDeed, *, who: str, why: str, lasts: timedelta | None = None) -> None:
        """A person decides in place of the results; see `policy.breaker.decision`.

        Once this returns nothing that it forbids is admitted: admission looks again under the lock that is taken here.
        """
        checked(name)
        who, why = identifier(who, 100), shorten(why, 500)
        with transaction(self._engine) as connection:
            connection.execute(NO_ADMISSION_NOW)
            self._change(connection, name, lambda at: decision(deed, at, who=who, why=why, lasts=lasts))

    def look(self, name: str) -> Breaker:
        """The breaker now: what time alone does is done, and written, first."""
        checked(name)
        with transaction(self._engine) as connection:
            self._change(connection, name, lambda at: Look(at=at))
        return self.state(name)

    def _change(self, connection: Connection, name: str, make: _Make, *, note: str = "") -> Answer:
        """Lock the row, let time pass, let the event happen; write what changed."""
        locked = select(circuit_breaker_state).where(circuit_breaker_state.c.component == name).with_for_update()
        row = connection.execute(locked).first()
        if row is None:
            connection.execute(insert(circuit_breaker_state).values(component=name).on_conflict_do_nothing())
            row = connection.execute(locked).one()
        at = max(connection.scalar(CLOCK), row.updated_at)  # a clock that was set back orders nothing anew
        before = breaker_of(row)
        event = make(at)
        now = self._write(connection, before, Look(at=at))[0] if before.state is not State.CLOSED else before
        return self._write(connection, now, event, note=note)[1]

    def _told(self, name: str, permit: Permit, *, success: bool, note: str) -> dict[str, Any]:
        """What `tell_closed_breaker` takes: the ordinary case in one round trip. False: the automaton must be asked."""
        limits = self._rules.thresholds(name)
        return {
            "name": name,
            "permit": permit.id,
            "generation": permit.generation,
            "success": success,
            "chance": _chance(),
            "note": shorten(note, 500),
            "window": limits.window,
            "fewest": limits.fewest,
            "trip_rate": limits.trip_rate,
            "limits": Jsonb(limits_json(limits)),
        }

    def _tell_any(self, connection: Connection, name: str, permit: Permit, *, success: bool, note: str) -> None:
        chance = _chance()
        made = lambda at: Result(at=at, permit=permit, success=success, chance=chance)  # noqa: E731 - as the others
        self._change(connection, name, made, note=note)

    def _write(
        self, connection: Connection, before: Breaker, event: Event, *, note: str = ""
    ) -> tuple[Breaker, Answer]:
        """The next breaker and the answer; if it differs, all that a change brings with it is written."""
        limits = self._rules.thresholds(before.name)
        after, answer = advance(before, event, limits)
        if after == before:
            return after, answer
        log = insert(circuit_breaker_results).values(as_log(after, event, limits, note)).on_conflict_do_nothing()
        if (
            connection.execute(log.returning(circuit_breaker_results.c.place)).first() is None
        ):  # told before: counts once
            return before, answer
        state = circuit_breaker_state
        connection.execute(
            update(state).where(state.c.component == before.name).values(as_row(after) | {"updated_at": event.at})
        )
        if after.generation != before.generation:
            connection.execute(insert(healing_actions).values(as_transition(before, after, event)))
        if tripped(before, after):
            raise_and_tell(connection, after, self._rules.causes_of(after.name), note=note)
        return after, answer

    @staticmethod
    def _probes(connection: Connection, name: str, permit: UUID) -> bool:
        """Whether this permit is one of the probes under way."""
        state = circuit_breaker_state.c
        return bool(connection.scalar(select(state.permits.has_key(str(permit))).where(state.component == name)))


def _granted_at_once(connection: Connection, name: str, permit: UUID) -> Permit | None:
    """The permit of a breaker that is plainly closed, which is only read; None: it must be asked on its locked row."""
    return _at_once(connection.execute(_LOOK, {"name": name}).tuples().first(), permit)


def _at_once(row: Sequence[Any] | None, permit: UUID) -> Permit | None:
    """The same from state, mode and generation; a breaker without a row is a new one."""
    state, mode, generation = row or (State.CLOSED, Mode.AUTOMATIC, 0)
    closed = (state, mode) == (State.CLOSED, Mode.AUTOMATIC)
    return Permit(id=permit, generation=generation) if closed else None


def _chance() -> float:
    return random.uniform(-1, 1)  # noqa: S311 - spreads the retries; no secret

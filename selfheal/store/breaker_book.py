"""What is written of the circuit breakers, for people: their state, what failed, their life replayed from its log."""

from collections.abc import Sequence

from sqlalchemy import Engine, select, text

from selfheal.model.breaker import Breaker, Failure
from selfheal.model.breaker_event import Look
from selfheal.model.breaker_rules import Rules
from selfheal.policy.breaker import advance
from selfheal.policy.breaker_names import checked
from selfheal.store.breaker_rows import breaker_of, event_of, limits_of
from selfheal.store.engine import transaction
from selfheal.store.tables import circuit_breaker_results, circuit_breaker_state

_FAILURES = text(
    """SELECT s.component, r.at, r.permit, r.note
       FROM circuit_breaker_state s CROSS JOIN LATERAL (
           SELECT r.at, r.permit, r.note FROM circuit_breaker_results r
           WHERE r.component = s.component AND NOT r.success ORDER BY r.place DESC LIMIT :limit) r
       ORDER BY s.component, r.at DESC"""
)
CLOCK = text("SELECT clock_timestamp()")


class BreakerBook:
    """Reads; changes nothing.

    Args:
        engine: the database, as healing_user.
        rules: of the breakers.
    """

    def __init__(self, engine: Engine, rules: Rules | None = None) -> None:
        self._engine = engine
        self._rules = rules or Rules()

    def state(self, name: str) -> Breaker:
        """The breaker as it was written last; a new one if nothing was."""
        found = self._all(checked(name))
        return found[0] if found else Breaker(name=name)

    def all(self) -> Sequence[Breaker]:
        """Every breaker that was ever told something, as it was written last, by name."""
        return self._all()

    def present(self, name: str = "") -> Sequence[Breaker]:
        """This one, or all, as an ask would find them now: what time alone does is done, and not written.

        One that nobody has asked since its open time ran out, or its override ended, is not what was written last.
        """
        written = [self.state(name)] if name else self._all()
        with transaction(self._engine) as connection:
            now = connection.scalar(CLOCK)
        return [advance(one, Look(at=now), self._rules.thresholds(one.name))[0] for one in written]

    def prevented(self) -> dict[str, int]:
        """How many asks each breaker has denied; those of admission are counted with its refusals."""
        state = circuit_breaker_state.c
        with transaction(self._engine) as connection:
            rows = connection.execute(select(state.component, state.prevented))
            return {row.component: row.prevented for row in rows}

    def recent_failures(self, name: str, *, limit: int) -> Sequence[Failure]:
        """The failures that it was told of, the newest first."""
        log = circuit_breaker_results.c
        statement = (
            select(log.at, log.permit, log.note)
            .where(log.component == checked(name), log.success.is_(False))
            .order_by(log.place.desc())
            .limit(limit)
        )
        with transaction(self._engine) as connection:
            rows = connection.execute(statement).all()
        return [Failure(at=row.at, permit=row.permit, note=row.note) for row in rows]

    def failures_of_all(self, *, limit: int) -> dict[str, list[Failure]]:
        """The same of every breaker, in one statement; one that never failed is missing."""
        found: dict[str, list[Failure]] = {}
        with transaction(self._engine) as connection:
            for row in connection.execute(_FAILURES, {"limit": limit}):
                found.setdefault(row.component, []).append(Failure(at=row.at, permit=row.permit, note=row.note))
        return found

    def replayed(self, name: str) -> Breaker:
        """The breaker that its recorded events make: equal to `state`, or something else has written there."""
        log = circuit_breaker_results.c
        statement = select(log.event, log.limits).where(log.component == checked(name)).order_by(log.place)
        with transaction(self._engine) as connection:
            events = connection.execute(statement).all()
        breaker = Breaker(name=name)
        for row in events:
            breaker, _ = advance(breaker, event_of(row.event), limits_of(row.limits))
        return breaker

    def _all(self, name: str = "") -> Sequence[Breaker]:
        statement = select(circuit_breaker_state).order_by(circuit_breaker_state.c.component)
        if name:
            statement = statement.where(circuit_breaker_state.c.component == name)
        with transaction(self._engine) as connection:
            return [breaker_of(row) for row in connection.execute(statement)]

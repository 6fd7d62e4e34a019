"""Breakers whose open time is over at once, so that every transition can be had without waiting."""

from datetime import timedelta
from uuid import uuid4

from sqlalchemy.engine import Connection

from selfheal.model.breaker import Permit, State, Thresholds
from selfheal.model.breaker_rules import Cause, Rules
from selfheal.store.breakers import Breakers

AT_ONCE = Thresholds(open_for=(timedelta(0),))
LATER = Thresholds(open_for=(timedelta(hours=1),))
RULES = Rules(agent=AT_ONCE, heal=LATER, causes={"agent:*": (Cause(component="orchestrator"),)})
"""An `agent:` breaker may be probed as soon as it has tripped, a `heal:` one in an hour."""


def granted(breakers: Breakers, name: str) -> Permit:
    answer = breakers.ask(name, uuid4())
    assert isinstance(answer, Permit), answer
    return answer


def tell_all(breakers: Breakers, name: str, results: str) -> None:
    """One ask and its result per letter: s or f."""
    for one in results:
        breakers.tell(name, granted(breakers, name), success=one == "s")


def brought(breakers: Breakers, name: str, state: State) -> Permit:
    """Bring a new breaker right before its next transition; the permit whose result, or the ask that, makes it."""
    if state is State.CLOSED:
        tell_all(breakers, name, "ffff")
        return granted(breakers, name)
    tell_all(breakers, name, "fffff")
    if state is State.OPEN:
        return Permit(id=uuid4(), generation=0)
    tell_all(breakers, name, "sssf")
    return granted(breakers, name)


def happen(breakers: Breakers, connection: Connection, name: str, event: str, permit: Permit) -> None:
    """An ask, a success or a failure, within a transaction."""
    if event == "ask":
        breakers.ask_in(connection, name, permit.id)
    else:
        breakers.tell_in(connection, name, permit, success=event == "success")

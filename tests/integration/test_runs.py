"""What really ran of our mechanisms, as a real database remembers it."""

from uuid import uuid4

from sqlalchemy import Engine

from selfheal.model.attempt import Holder
from selfheal.store.runs import MechanismRuns

ME = Holder(host="here", pid=1, started=1)


def test_the_newest_run_and_the_newest_that_ended_are_told(empty: Engine) -> None:
    """A run under way hides neither how the last one ended, nor that a mechanism never ran."""
    runs = MechanismRuns(empty)
    first, second = uuid4(), uuid4()
    runs.begin(first, "reconcile", ME)
    runs.end(first, error="the broker refuses connections")
    runs.begin(second, "reconcile", ME)
    told = runs.latest(["reconcile", "circuit-breaker"])
    assert told["circuit-breaker"].began_at is None
    newest = told["reconcile"]
    assert newest.began_at is not None
    assert newest.done_began_at is not None
    assert (newest.ended_at, newest.error) == (None, "the broker refuses connections")
    assert newest.done_began_at < newest.began_at
    runs.end(second)
    assert runs.latest(["reconcile"])["reconcile"].error == ""

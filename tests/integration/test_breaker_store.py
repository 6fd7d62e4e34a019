"""Circuit breakers on a real Postgres: shared by all who ask, and the same after any crash."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from admission_desk import HEALED, MINUTE, Desk
from sqlalchemy import Engine, text

from selfheal.model.attempt import Holder, Plan
from selfheal.model.breaker import Breaker, BreakerDeed, Denial, Permit, State
from selfheal.store.breaker_rows import TRANSITION
from selfheal.store.breakers import Breakers

NAME = "heal:restart-service"
ASKS, ASKERS = 800, 16
AGED = """
    UPDATE circuit_breaker_state SET permits = (
        SELECT jsonb_object_agg(key, (value #>> '{}')::timestamptz - interval '90 s') FROM jsonb_each(permits))
"""
"""A minute and a half has passed for its permits, which last two minutes."""


@pytest.fixture
def breakers(empty: Engine) -> Breakers:
    return Breakers(empty)


def granted(breakers: Breakers) -> Permit:
    answer = breakers.ask(NAME, uuid4())
    assert isinstance(answer, Permit), answer
    return answer


def tell_all(breakers: Breakers, results: str) -> None:
    """One ask and its result per letter: s or f."""
    for one in results:
        breakers.tell(NAME, granted(breakers), success=one == "s")


def let_pass(engine: Engine, by: timedelta) -> None:
    """Let that much time have passed: everything that was written is that much older."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE circuit_breaker_state SET open_until = open_until - :by, opened_at = opened_at - :by,"
                " updated_at = updated_at - :by"
            ),
            {"by": by},
        )


def half_open(breakers: Breakers, engine: Engine) -> None:
    tell_all(breakers, "fffff")
    let_pass(engine, timedelta(minutes=6))
    assert breakers.look(NAME).state is State.HALF_OPEN


def transitions(engine: Engine) -> list[str]:
    """What `healing_actions` says of it, in order."""
    with engine.connect() as connection:
        found = connection.scalars(
            text("SELECT metadata ->> 'message' FROM healing_actions WHERE action_type = :type ORDER BY id"),
            {"type": TRANSITION},
        )
        return list(found)


def test_a_new_breaker_grants_and_writes_nothing(breakers: Breakers, empty: Engine) -> None:
    """Asking a closed breaker costs one read."""
    assert granted(breakers).generation == 0
    with empty.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM circuit_breaker_state")) == 0


def test_it_trips_for_everybody_and_writes_the_transition_down(breakers: Breakers, empty: Engine) -> None:
    """Another process sees it open, with its rate; the transition is a row of healing_actions."""
    tell_all(breakers, "fffff")
    other = Breakers(empty)
    denial = other.ask(NAME, uuid4())
    assert isinstance(denial, Denial)
    assert other.state(NAME).failure_rate == 1.0
    assert len(other.recent_failures(NAME, limit=3)) == 3
    assert transitions(empty) == ["CLOSED (AUTOMATIC) -> OPEN (AUTOMATIC) by result"]
    with empty.connect() as connection:
        assert connection.scalar(text("SELECT prevented FROM circuit_breaker_state")) == 1


def test_800_asks_at_once_get_five_probes(breakers: Breakers, empty: Engine) -> None:
    """From sixteen threads on a half-open breaker: five permits, and every other ask is denied."""
    half_open(breakers, empty)
    start = threading.Barrier(ASKERS)

    def ask(number: int) -> type:
        if number < ASKERS:
            start.wait()
        return type(breakers.ask(NAME, uuid4()))

    with ThreadPoolExecutor(ASKERS) as pool:
        answers = Counter(pool.map(ask, range(ASKS)))
    assert answers == {Permit: 5, Denial: ASKS - 5}


def test_results_at_once_are_all_counted(breakers: Breakers) -> None:
    """Ten results from ten threads are ten places of the window."""
    permits = [granted(breakers) for _ in range(10)]
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda one: breakers.tell(NAME, one, success=True), permits))
    assert breakers.state(NAME).results == (True,) * 10


def test_a_probe_whose_process_died_gives_its_permit_back(breakers: Breakers, empty: Engine) -> None:
    """After its lease on the database's clock there is a place again, and its late result is void."""
    half_open(breakers, empty)
    lost = [granted(breakers) for _ in range(5)]
    assert isinstance(breakers.ask(NAME, uuid4()), Denial)
    with empty.begin() as connection:
        connection.execute(
            text(
                "UPDATE circuit_breaker_state SET permits = (SELECT jsonb_object_agg(key, now() - interval '1 s')"
                " FROM jsonb_each(permits))"
            )
        )
    breakers.tell(NAME, lost[0], success=False)
    assert breakers.state(NAME).failures == 0
    assert isinstance(breakers.ask(NAME, uuid4()), Permit)


def test_a_heal_that_takes_longer_than_a_permit_lasts_counts(breakers: Breakers, desk: Callable[..., Desk]) -> None:
    """While its process keeps it up a heal keeps its place among the probes; four slow ones close the breaker."""
    one = desk()
    half_open(breakers, one.engine)
    for number in range(4):
        answer = one.ask(f"slow-{number}")
        assert answer.attempt_id is not None
        assert one.heals.claim(answer.attempt_id, fence=0, holder=Holder(host="here", pid=1, started=1)) is not None
        for _ in range(3):
            one.do(AGED)
            assert one.heals.renew({answer.attempt_id: 1}) == {answer.attempt_id}
        assert one.heals.record_plan(answer.attempt_id, fence=1, plan=Plan())
        assert one.heals.announce_act(answer.attempt_id, fence=1, timeout=MINUTE)
        assert one.heals.settle(answer.attempt_id, fence=1, outcome=HEALED, execution_ms=5)
    assert breakers.state(NAME).state is State.CLOSED


def test_a_whole_life_is_replayed_from_its_log(breakers: Breakers) -> None:
    """Trips, probes, overrides and a reset: folding the recorded events gives the recorded state."""
    tell_all(breakers, "sfsff")
    breakers.decide(NAME, BreakerDeed.OPEN, who="marcus", why="the vendor is down")
    assert isinstance(breakers.ask(NAME, uuid4()), Denial)
    breakers.decide(NAME, BreakerDeed.AUTOMATIC, who="marcus", why="it is back")
    tell_all(breakers, "sf")
    kept = granted(breakers)
    assert breakers.renew(NAME, kept)
    assert breakers.replayed(NAME) == breakers.state(NAME)
    tell_all(breakers, "s")
    breakers.tell(NAME, kept, success=True)
    tell_all(breakers, "s")
    assert breakers.state(NAME).state is State.CLOSED
    breakers.decide(NAME, BreakerDeed.RESET, who="marcus", why="a test")
    assert breakers.replayed(NAME) == breakers.state(NAME) == Breaker(name=NAME, generation=5)


def test_what_is_rolled_back_never_happened(breakers: Breakers, empty: Engine) -> None:
    """A process that dies in the middle of a transition leaves neither state, nor log, nor row."""
    tell_all(breakers, "ffff")
    before = breakers.state(NAME)
    with empty.connect() as connection:
        breakers.tell_in(connection, NAME, Permit(id=uuid4(), generation=0), success=False)
        connection.rollback()
    assert breakers.state(NAME) == breakers.replayed(NAME) == before
    assert transitions(empty) == []


def test_a_result_that_is_told_again_counts_once(breakers: Breakers, empty: Engine) -> None:
    """Its answer was lost: the fourth failure of five told twice does not trip it, and the log has it once."""
    tell_all(breakers, "fff")
    fourth = granted(breakers)
    for _ in range(2):
        breakers.tell(NAME, fourth, success=False)
    assert breakers.state(NAME).results == (False,) * 4
    assert breakers.state(NAME) == breakers.replayed(NAME)
    tell_all(breakers, "f")
    assert breakers.state(NAME).state is State.OPEN

"""How admission and those who change its limits take turns, and what one that stops half-way leaves behind."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from admission_desk import FAILED, MINUTE, RESTART, SECOND, Desk
from embedded_fixtures import Embedded, until
from postgres_proxy import Proxy
from sqlalchemy import make_url, text

from deployments.embedded import roles
from selfheal.model.admission import Decision
from selfheal.model.breaker import BreakerDeed, Permit
from selfheal.model.errors import Transient
from selfheal.store.admission_values import NO_ADMISSION_NOW
from selfheal.store.breakers import Breakers
from selfheal.store.engine import open_engine, rehearsing, transaction

Desks = Callable[..., Desk]
LOCKS = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted = "
HALF_OPEN = """INSERT INTO circuit_breaker_state (component, state, generation, open_until)
               VALUES ('heal:restore-nats-connection', 'HALF_OPEN', 2, now() - interval '1 min')"""
FORCED_OPEN = text(
    """INSERT INTO circuit_breaker_state (component, state, mode, override)
       VALUES ('heal:restart-service', 'OPEN', 'FORCED_OPEN', jsonb_build_object('who', 'ada', 'why', 'data loss'))"""
)
WRITTEN = """SELECT (SELECT count(*) FROM trigger_answers) + (SELECT count(*) FROM healing_triggers)
                  + (SELECT count(*) FROM faults) + (SELECT count(*) FROM healing_actions)"""


@pytest.fixture
def slow(embedded_postgres: Embedded) -> Iterator[Proxy]:
    """A wire on which the answer to the first admission stays until it is released."""
    proxy = Proxy(embedded_postgres.servers.postgres.port, hold="answer")
    yield proxy
    proxy.close()


def test_a_client_that_stands_still_keeps_nobody_waiting(desk: Desks, slow: Proxy, embedded_postgres: Embedded) -> None:
    """It has sent its one statement and never reads the answer: the lock is free, and sixteen others are admitted."""
    one = desk()
    url = make_url(embedded_postgres.url(roles.MIGRATOR)).set(port=slow.port)
    engine = open_engine(url.render_as_string(hide_password=False), pool_size=1)
    with ThreadPoolExecutor(1) as pool:
        frozen = pool.submit(Desk(engine=engine, limits=one.limits).ask, "backend")
        assert slow.reached.wait(60)
        assert one.one(f"{LOCKS} true") == 0
        assert [one.ask(f"c-{number}").decision for number in range(16)] == [Decision.ADMITTED] * 16
        assert one.ask("backend").decision is Decision.ALREADY_HEALING
        assert not frozen.done()
        slow.release(forward=True)
        assert frozen.result().admitted
    engine.dispose()


def test_an_override_waits_for_the_admission_that_is_on_its_way(desk: Desks) -> None:
    """One that holds the lock may have read the breaker already: the command returns after it has ended."""
    one = desk()
    with ThreadPoolExecutor(1) as pool:
        with one.engine.begin() as admitting:
            admitting.execute(NO_ADMISSION_NOW)
            decide = Breakers(one.engine).decide
            deciding = pool.submit(decide, "heal:restart-service", BreakerDeed.OPEN, who="ada", why="it loses data")
            until(lambda: deciding.done() or one.one(f"{LOCKS} false") == 1)
            assert not deciding.done()
        deciding.result()
    assert one.ask().decision is Decision.CIRCUIT_OPEN


def test_an_override_is_seen_by_an_admission_that_waits(desk: Desks) -> None:
    """It has read a closed breaker, and waits for the lock while that is forced open: it is refused."""
    one = desk()
    with ThreadPoolExecutor(1) as pool:
        with one.engine.begin() as deciding:
            deciding.execute(NO_ADMISSION_NOW)
            asked = pool.submit(one.ask)
            until(lambda: asked.done() or one.one(f"{LOCKS} false") == 1)
            deciding.execute(FORCED_OPEN)
        assert asked.result().decision is Decision.CIRCUIT_OPEN
    assert one.one("SELECT count(*) FROM healing_actions WHERE fault_id IS NOT NULL") == 0


def test_a_breaker_that_cannot_be_asked_leaves_no_trace(desk: Desks, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection breaks between admission's two questions: nothing is written, and the same id may ask again."""

    def broken(*_: Any) -> Any:
        raise Transient("the database connection broke")

    one = desk()
    one.do(HALF_OPEN)
    with monkeypatch.context() as patch:
        patch.setattr(Breakers, "ask_in", broken)
        with pytest.raises(Transient):
            one.ask(rungs=(SECOND,))
    assert one.one(WRITTEN) == 0
    assert one.ask(rungs=(SECOND,)).admitted


def test_a_permit_that_was_not_needed_goes_back(desk: Desks, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the breaker of the second rung is asked the first one's cool-down ends: that is tried, without a probe."""
    ask_in = Breakers.ask_in

    def later(breakers: Breakers, *asked: Any) -> Any:
        one.passes(20 * MINUTE)
        permit = ask_in(breakers, *asked)
        assert isinstance(permit, Permit)
        return permit

    one = desk()
    one.end(one.ask(), FAILED)
    one.do(HALF_OPEN)
    monkeypatch.setattr(Breakers, "ask_in", later)
    assert one.ask(rungs=(RESTART, SECOND)).reason == "restart-service on backend"
    assert one.one("SELECT permits FROM circuit_breaker_state WHERE state = 'HALF_OPEN'") == {}


def test_a_second_breaker_may_have_to_be_asked_too(desk: Desks, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the second rung's breaker is asked the first one's open time ends: a probe of that is tried instead."""
    ask_in = Breakers.ask_in

    def later(breakers: Breakers, connection: Any, name: str, permit: Any) -> Any:
        if name.endswith(SECOND.action):
            one.passes(timedelta(hours=2))
        return ask_in(breakers, connection, name, permit)

    one = desk()
    for number in range(5):
        one.end(one.ask(f"c-{number}"), FAILED)
    one.do(HALF_OPEN)
    monkeypatch.setattr(Breakers, "ask_in", later)
    assert one.ask(rungs=(RESTART, SECOND)).reason == "restart-service on backend"
    permits = "SELECT array_agg(component ORDER BY component) FROM circuit_breaker_state WHERE permits <> '{}'"
    assert one.one(permits) == ["heal:restart-service"]


@pytest.mark.parametrize("dry", [False, True], ids=["real", "dry run"])
def test_only_admission_itself_does_not_wait_for_the_disk(
    desk: Desks, embedded_postgres: Embedded, *, dry: bool
) -> None:
    """Its connection waits again afterwards, also after a dry run, whose savepoints were one transaction."""
    engine = open_engine(embedded_postgres.url(roles.MIGRATOR), pool_size=1)
    here = Desk(engine=engine, limits=desk().limits)
    if dry:
        with rehearsing(engine):
            assert here.ask().admitted
    else:
        assert here.ask().admitted
    with transaction(engine) as connection:
        assert connection.scalar(text("SHOW synchronous_commit")) == "on"
    engine.dispose()

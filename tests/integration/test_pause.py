"""The kill switch against admission, on a real database."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text
from test_admission import a_trigger, ask, finish, heals, peek  # noqa: F401 - pytest finds fixtures by import

from selfheal.model.admission import Decision
from selfheal.model.attempt import Status, Verification
from selfheal.store.heals import Heals
from selfheal.store.pauses import Pauses

HOUR = timedelta(hours=1)


@pytest.fixture
def pauses(empty: Engine) -> Pauses:
    return Pauses(empty)


def test_while_paused_nothing_is_admitted(heals: Heals, pauses: Pauses) -> None:  # noqa: F811 - the fixture
    """Admission and a dry run refuse with PAUSED and say who and why; equal refusals count; resume ends it."""
    pauses.pause(who="ada", why="storage move")
    first, second = ask(heals), ask(heals)
    peeked = peek(heals)
    assert peeked is not None
    for answer in (first, second, peeked):
        assert answer.decision is Decision.PAUSED
        assert "paused by ada" in answer.reason
        assert answer.reason.endswith("storage move")
    ended = pauses.resume(who="bob", why="moved")
    assert ended is not None
    assert (ended.who, ended.why) == ("ada", "storage move")
    assert pauses.resume(who="bob", why="moved") is None
    assert ask(heals).admitted


def test_a_heal_under_way_finishes(heals: Heals, pauses: Pauses) -> None:  # noqa: F811
    """What was admitted before the pause is claimed, carried out and recorded."""
    answer = ask(heals)
    pauses.pause(who="ada", why="storage move")
    finish(heals, answer, status=Status.SUCCESS, verification=Verification.HEALED, interrupted=False)
    assert heals.attempt(answer.attempt_id).outcome is not None


def test_a_pause_with_an_end_ends_by_itself(heals: Heals, pauses: Pauses) -> None:  # noqa: F811
    """An expired pause is none: nothing is refused, nothing is shown, and it can be followed by another."""
    assert pauses.pause(who="ada", why="soon over", duration=timedelta(microseconds=1)).until is not None
    assert pauses.current() is None
    assert ask(heals).admitted
    pauses.pause(who="bob", why="again", duration=HOUR)
    assert pauses.current().who == "bob"


def test_a_second_pause_takes_the_place_of_the_first(pauses: Pauses, empty: Engine) -> None:
    """The newest one is in force; the one before is kept with who replaced it."""
    pauses.pause(who="ada", why="first", duration=HOUR)
    pauses.pause(who="bob", why="second")
    assert (pauses.current().who, pauses.current().until) == ("bob", None)
    with empty.connect() as connection:
        kept = connection.execute(text("SELECT paused_by, ended_by FROM pauses ORDER BY since")).all()
    assert kept == [("ada", "bob"), ("bob", None)]


def test_no_admission_gets_past_a_pause(heals: Heals, pauses: Pauses, empty: Engine) -> None:  # noqa: F811
    """Once `pause` has returned not one more heal begins, whoever was on the way to admission."""
    answered, over = [], threading.Event()

    def storm(name: str) -> None:
        while not over.is_set():
            answered.append(ask(heals, a_trigger(f"{name}-{len(answered)}")).decision)

    threads = [threading.Thread(target=storm, args=(f"part-{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    while Decision.ADMITTED not in answered:
        pass
    pauses.pause(who="ada", why="storm")
    begun = count(empty)
    while answered.count(Decision.PAUSED) < len(threads):
        pass
    over.set()
    for thread in threads:
        thread.join()
    assert count(empty) == begun


def count(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.execute(text("SELECT count(*) FROM healing_actions")).scalar_one()

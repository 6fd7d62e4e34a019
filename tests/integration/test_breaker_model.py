"""Breakers on a real Postgres beside a model in a few lines, driven by hypothesis; and their log beside their state."""

from uuid import UUID, uuid4

import pytest
from breaker_worlds import RULES
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Engine

from selfheal.model.breaker import BreakerDeed, Denial, Permit, State
from selfheal.store.breakers import Breakers


class Model:
    """What REQUIREMENTS A1 says, in the simplest way; `waits` tells whether the open time is still running."""

    def __init__(self, *, waits: bool) -> None:
        self.waits, self.state, self.forced = waits, State.CLOSED, False
        self.results: list[bool] = []
        self.probes: list[UUID] = []
        self.told: list[bool] = []
        self.age = 0

    def enter(self, state: State, *, forced: bool = False) -> None:
        self.state, self.forced, self.age = state, forced, self.age + 1
        self.results, self.probes, self.told = [], [], []

    def time(self) -> None:
        if self.state is State.OPEN and not self.forced and not self.waits:
            self.enter(State.HALF_OPEN)

    def ask(self, permit: UUID) -> bool:
        self.time()
        if self.state is not State.HALF_OPEN:
            return self.state is State.CLOSED
        if permit not in self.probes and len(self.probes) + len(self.told) < 5:
            self.probes.append(permit)
        return permit in self.probes

    def tell(self, permit: UUID, age: int, *, success: bool, again: bool) -> None:
        self.time()
        if age != self.age or again:
            return
        if self.state is State.CLOSED:
            self.results = [*self.results, success][-10:]
            if not self.forced and len(self.results) >= 5 and self.results.count(False) * 2 >= len(self.results):
                self.enter(State.OPEN)
        elif permit in self.probes:
            self.probes.remove(permit)
            self.told.append(success)
            if self.told.count(True) == 4:
                self.enter(State.CLOSED)
            elif self.told.count(False) == 2:
                self.enter(State.OPEN)


class Both(RuleBasedStateMachine):
    """One breaker in the database and its model; `engine` is set by the test."""

    engine: Engine

    @initialize(waits=st.booleans())
    def begin(self, *, waits: bool) -> None:
        self.name = f"{'heal' if waits else 'agent'}:{uuid4().hex}"
        self.breakers, self.model = Breakers(self.engine, RULES), Model(waits=waits)
        self.out: list[tuple[Permit, int]] = []
        self.done: set[UUID] = set()

    @rule()
    def ask(self) -> None:
        permit = uuid4()
        answer = self.breakers.ask(self.name, permit)
        assert isinstance(answer, Permit) == self.model.ask(permit), answer
        if isinstance(answer, Permit):
            self.out.append((answer, self.model.age))

    @precondition(lambda self: self.out)
    @rule(place=st.integers(0, 30))
    def ask_again(self, place: int) -> None:
        """The answer was lost: as long as its probe is under way, it is the same."""
        permit, _ = self.out[place % len(self.out)]
        assert isinstance(self.breakers.ask(self.name, permit.id), Permit) == self.model.ask(permit.id)

    @precondition(lambda self: self.out)
    @rule(place=st.integers(0, 30), success=st.sampled_from([True, False, False]), times=st.integers(1, 2))
    def tell(self, place: int, *, success: bool, times: int) -> None:
        permit, age = self.out[place % len(self.out)]
        for _ in range(times):
            self.breakers.tell(self.name, permit, success=success)
            self.model.tell(permit.id, age, success=success, again=permit.id in self.done)
            self.done.add(permit.id)

    @precondition(lambda self: self.out)
    @rule(place=st.integers(0, 30))
    def give_back(self, place: int) -> None:
        permit, _ = self.out[place % len(self.out)]
        self.breakers.give_back(self.name, permit)
        if permit.id in self.model.probes:
            self.model.probes.remove(permit.id)

    @precondition(lambda self: self.out)
    @rule(place=st.integers(0, 30))
    def renew(self, place: int) -> None:
        permit, age = self.out[place % len(self.out)]
        kept = self.breakers.renew(self.name, permit)
        self.model.time()
        if self.model.state is State.HALF_OPEN:
            assert kept == (permit.id in self.model.probes)
        elif not self.model.forced:
            assert kept == (age == self.model.age and self.model.state is State.CLOSED)

    @rule(deed=st.sampled_from(list(BreakerDeed)))
    def decide(self, deed: BreakerDeed) -> None:
        self.breakers.decide(self.name, deed, who="ada", why="a test")
        was_open = self.model.state is State.OPEN
        if deed is BreakerDeed.AUTOMATIC:
            self.model.time()
            if self.model.forced:
                self.model.enter(State.HALF_OPEN if was_open else State.CLOSED)
        else:
            self.model.time()
            self.model.enter(
                State.OPEN if deed is BreakerDeed.OPEN else State.CLOSED, forced=deed is not BreakerDeed.RESET
            )

    @invariant()
    def they_agree(self) -> None:
        found = self.breakers.state(self.name)
        assert (found.state, found.override is not None) == (self.model.state, self.model.forced)
        assert (len(found.permits), found.successes + found.failures) == (len(self.model.probes), len(self.model.told))
        assert self.model.state is not State.CLOSED or list(found.results) == self.model.results

    @invariant()
    def the_log_replays_to_the_state(self) -> None:
        assert self.breakers.replayed(self.name) == self.breakers.state(self.name)


def test_any_life_is_that_of_the_model(empty: Engine, request: pytest.FixtureRequest) -> None:
    """Asks, results told late, twice or never, renewals and decisions in any order."""
    machine = type("Machine", (Both,), {"engine": empty})
    examples = 400 if request.config.getoption("--campaign") else 25
    checked = settings(
        max_examples=examples,
        stateful_step_count=30,
        deadline=None,
        database=None,
        phases=[Phase.generate],  # to shrink a failure takes minutes here: remove this where there is one
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=checked)


def test_denial_says_that_the_database_is_away() -> None:
    """No permit, no exception: a denial that is none of the breaker's."""
    from selfheal.store.engine import open_engine  # noqa: PLC0415

    away = open_engine("postgresql://nobody@127.0.0.1:1/nothing")
    answer = Breakers(away, RULES).ask("agent:cynthia", uuid4())
    away.dispose()
    assert isinstance(answer, Denial)
    assert not answer.asked
    assert "cannot be asked" in answer.reason

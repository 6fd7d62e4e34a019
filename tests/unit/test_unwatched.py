"""Components that no sweep looks at: only their open faults are followed."""

from dataclasses import replace
from datetime import timedelta

import pytest
from fakes import NOON, FakeClock, FakeHeals

from selfheal.model.component import Component, ProbeKind
from selfheal.model.errors import Transient
from selfheal.model.health import ComponentHealth, HealthStatus
from selfheal.policy.places import siblings
from selfheal.policy.watching import UNWATCHED_LOOK, pace_of, status_now
from selfheal.watch.suspects import Suspects

CONTAINER = Component(name="backend", target="docker/backend", probe=ProbeKind.CONTAINER)
CHECK = Component(name="modules", target="docker/backend", probe=ProbeKind.COMMAND, watched=False)
OTHER = replace(CHECK, name="other", target="docker/other")
SWEEP = timedelta(seconds=5)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def heals(clock: FakeClock) -> FakeHeals:
    return FakeHeals(clock)


def sick(heals: FakeHeals, component: Component) -> None:
    heals._fault(component.target, component.name)


def test_only_an_open_fault_makes_it_due_and_once_a_minute(clock: FakeClock, heals: FakeHeals) -> None:
    """A watched one is never due here; one without a fault is left out; the database is asked once a minute."""
    suspects = Suspects([CONTAINER, CHECK, OTHER], heals, clock)
    assert suspects.due() == []
    sick(heals, CHECK)
    assert suspects.due() == ()
    clock.wait(UNWATCHED_LOOK.total_seconds())
    assert suspects.due() == [CHECK]
    assert suspects.due() == ()


def test_a_database_that_is_away_is_asked_again(clock: FakeClock, heals: FakeHeals) -> None:
    """Nothing is due while nobody can tell; the sweep goes on."""
    suspects = Suspects([CHECK], heals, clock)
    sick(heals, CHECK)
    heals.fail["has_open_fault"] = [Transient("away")]
    assert suspects.due() == ()
    clock.wait(UNWATCHED_LOOK.total_seconds())
    assert suspects.due() == [CHECK]


def test_a_sibling_that_is_well_does_not_close_the_fault(clock: FakeClock, heals: FakeHeals) -> None:
    """That a container runs says nothing of the packages in it: only the component itself ends its fault."""
    components = {one.name: one for one in (CONTAINER, CHECK, OTHER)}
    assert siblings(CONTAINER, components) == {"modules"}
    sick(heals, CHECK)
    clock.wait(1)
    assert not heals.close_recovered(CHECK.target, seen_at=clock.now(), except_of=siblings(CONTAINER, components))
    assert heals.close_recovered(CHECK.target, seen_at=clock.now(), except_of=siblings(CHECK, components))


def test_what_was_seen_of_it_counts_as_long_as_nobody_looks_again() -> None:
    """Its row is as old as its looks are rare."""
    row = ComponentHealth(component="modules", status=HealthStatus.DOWN, response_ms=None, detail="", checked_at=NOON)
    later = NOON + timedelta(minutes=3)
    assert status_now(row, now=later, sweep=pace_of(CHECK, SWEEP)) is HealthStatus.DOWN
    assert status_now(row, now=later, sweep=pace_of(CONTAINER, SWEEP)) is HealthStatus.UNKNOWN

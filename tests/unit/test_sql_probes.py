"""What the sql probes make of a database: dead, not dead, or not to be told."""

from datetime import timedelta

import pytest
from fakes import FakeBroker, FakeClock, FakeDatabase, FakeHttp

from selfheal.model.component import Component, ProbeKind
from selfheal.model.errors import NotAllowed, Permanent, Transient
from selfheal.model.observation import Health, Observation
from selfheal.model.trigger import TriggerType
from selfheal.policy.triggers import type_of
from selfheal.probes.observe import Observer
from selfheal.probes.table import probe_table


def seen(database: FakeDatabase, *, object_: str = "", name: str = "agents") -> Observation:
    clock = FakeClock()
    probes = probe_table(http=FakeHttp(200), broker=FakeBroker(1), clock=clock, databases={"agents": database})
    return Observer(controls={}, probes=probes, clock=clock)(component(object_, name=name))


def component(object_: str = "", *, name: str = "agents") -> Component:
    return Component(
        name="stock",
        target="database/agents",
        probe=ProbeKind.SQL_OBJECT if object_ else ProbeKind.SQL,
        database=name,
        object=object_,
        probe_timeout=timedelta(seconds=1),
    )


@pytest.mark.parametrize(
    ("said", "health"),
    [
        (3, Health.HEALTHY),
        (Transient("the database does not answer"), Health.SICK),
        (Permanent("it starts, recovers or stops"), Health.UNKNOWN),
        (Permanent("does not let us in: too many connections"), Health.UNKNOWN),
        (ZeroDivisionError("ours"), Health.UNKNOWN),
    ],
)
def test_only_silence_is_sick(said: int | Exception, health: Health) -> None:
    """A database that answers, if only to refuse us, is never taken for dead."""
    assert seen(FakeDatabase(said)).health is health


@pytest.mark.parametrize(
    ("state", "health"),
    [("PRESENT", Health.HEALTHY), ("MISSING", Health.SICK), ("UNPOPULATED", Health.SICK)],
)
def test_an_object_is_there_and_populated(state: str, health: Health) -> None:
    """Missing and not populated are sick; the observation tells which object it was, so that a new one is seen."""
    found = seen(FakeDatabase(wms__stock=state), object_="wms.stock")
    assert found.health is health
    assert found.incarnation is not None
    assert found.incarnation.state == state
    assert health is Health.HEALTHY or "wms.stock is" in found.detail


@pytest.mark.parametrize("error", [Transient("away"), Permanent("full"), NotAllowed("no name"), ValueError("ours")])
def test_without_its_database_nothing_is_known_of_an_object(error: Exception) -> None:
    """The database's fault is not the object's."""
    found = seen(FakeDatabase(error), object_="wms.stock")
    assert (found.health, found.incarnation) == (Health.UNKNOWN, None)
    assert str(error) in found.detail


@pytest.mark.parametrize("object_", ["", "wms.stock"])
def test_an_unknown_database_is_told_with_the_nearest(object_: str) -> None:
    """A name that no database has is a wrong setting."""
    found = seen(FakeDatabase(), object_=object_, name="agnets")
    assert (found.health, "did you mean 'agents'" in found.detail) == (Health.UNKNOWN, True)


def test_a_missing_object_is_a_reason_of_its_own() -> None:
    """Only apply-migration takes it; a database that is down is a service."""
    missing = seen(FakeDatabase(), object_="wms.stock")
    assert type_of(component("wms.stock"), missing) is TriggerType.OBJECT_MISSING
    assert type_of(component(), seen(FakeDatabase(Transient("away")))) is TriggerType.SERVICE_DOWN

"""The database as a command sees it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from console.place import Place
from selfheal.store.engine import open_engine
from selfheal.store.health import HealthHistory
from selfheal.store.maintenance import Maintenance
from selfheal.store.outbox import Outbox
from selfheal.store.pauses import Pauses
from selfheal.store.reports import Reports
from selfheal.store.starts import MissedStarts
from selfheal.store.storms import Storms


@dataclass(frozen=True, kw_only=True)
class Database:
    """What can be read: reports, health with its watchers, alerts; and what a person decides."""

    reports: Reports
    health: HealthHistory
    pauses: Pauses
    maintenance: Maintenance
    storms: Storms
    outbox: Outbox
    missed_starts: MissedStarts


@contextmanager
def reading(url: str) -> Iterator[Database]:
    """Open the database for one command."""
    engine = open_engine(url, pool_size=1)
    try:
        yield Database(
            reports=Reports(engine),
            health=HealthHistory(engine),
            pauses=Pauses(engine),
            maintenance=Maintenance(engine),
            storms=Storms(engine),
            outbox=Outbox(engine),
            missed_starts=MissedStarts(engine),
        )
    finally:
        engine.dispose()


@contextmanager
def database_of(place: Place) -> Iterator[Database]:
    """The database of a running stack; raises what `Place.database_url` raises."""
    with reading(place.database_url()) as database:
        yield database

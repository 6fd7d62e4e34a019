"""The database as a command sees it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from console.place import Place
from selfheal.store.engine import open_engine
from selfheal.store.health import HealthHistory
from selfheal.store.pauses import Pauses
from selfheal.store.reports import Reports


@dataclass(frozen=True, kw_only=True)
class Database:
    """What can be read: reports, and health with its watchers; and the kill switch."""

    reports: Reports
    health: HealthHistory
    pauses: Pauses


@contextmanager
def reading(url: str) -> Iterator[Database]:
    """Open the database for one command."""
    engine = open_engine(url, pool_size=1)
    try:
        yield Database(reports=Reports(engine), health=HealthHistory(engine), pauses=Pauses(engine))
    finally:
        engine.dispose()


@contextmanager
def database_of(place: Place) -> Iterator[Database]:
    """The database of a running stack; raises what `Place.database_url` raises."""
    with reading(place.database_url()) as database:
        yield database

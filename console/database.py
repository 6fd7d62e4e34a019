"""The database as a command sees it."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

from sqlalchemy import Engine

from console.place import Place
from selfheal.store.approvals import Approvals
from selfheal.store.engine import open_engine, rehearsing
from selfheal.store.health import HealthHistory
from selfheal.store.maintenance import Maintenance
from selfheal.store.mechanisms import Mechanisms
from selfheal.store.outbox import Outbox
from selfheal.store.pauses import Pauses
from selfheal.store.rates import RateReports
from selfheal.store.reading.alerts import Alerts
from selfheal.store.reading.attempts import Attempts
from selfheal.store.reading.faults import Faults
from selfheal.store.reading.measured import Measurements
from selfheal.store.reading.predictions import PredictionReports
from selfheal.store.reports import Reports
from selfheal.store.silences import Silences
from selfheal.store.starts import MissedStarts
from selfheal.store.storms import Storms


@dataclass(frozen=True, kw_only=True)
class Database:
    """What can be read: what happened, is measured and foretold, and how it was told; and what people decide."""

    reports: Reports
    attempts: Attempts
    faults: Faults
    health: HealthHistory
    pauses: Pauses
    maintenance: Maintenance
    storms: Storms
    outbox: Outbox
    missed_starts: MissedStarts
    approvals: Approvals
    rates: RateReports
    mechanisms: Mechanisms
    alerts: Alerts
    silences: Silences
    measured: Measurements
    predictions: PredictionReports
    engine: Engine


@contextmanager
def reading(url: str, *, dry_run: bool = False) -> Iterator[Database]:
    """Open the database for one command; in a dry run what it writes is seen by itself only, and is gone afterwards."""
    engine = open_engine(url, pool_size=1)
    try:
        with rehearsing(engine) if dry_run else nullcontext():
            yield Database(
                reports=Reports(engine),
                attempts=Attempts(engine),
                faults=Faults(engine),
                health=HealthHistory(engine),
                pauses=Pauses(engine),
                maintenance=Maintenance(engine),
                storms=Storms(engine),
                outbox=Outbox(engine),
                missed_starts=MissedStarts(engine),
                approvals=Approvals(engine),
                rates=RateReports(engine),
                mechanisms=Mechanisms(engine),
                alerts=Alerts(engine),
                silences=Silences(engine),
                measured=Measurements(engine),
                predictions=PredictionReports(engine),
                engine=engine,
            )
    finally:
        engine.dispose()


@contextmanager
def database_of(place: Place, *, dry_run: bool = False) -> Iterator[Database]:
    """The database of a running stack, as `reading`; raises what `Place.database_url` raises."""
    with reading(place.database_url(), dry_run=dry_run) as database:
        yield database

"""What the web server works with: made once per settings, given to every request as `request.app.state.services`."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from fastapi import Request
from sqlalchemy import Engine

from deployments.prefect_api import PrefectApi
from selfheal.bootstrap import Estate, wire
from selfheal.settings.estate import Settings
from selfheal.settings.web import Web
from selfheal.store.approvals import Approvals
from selfheal.store.deeds import Deeds
from selfheal.store.maintenance import Maintenance
from selfheal.store.marks import Marks
from selfheal.store.pauses import Pauses
from selfheal.store.reading.alerts import Alerts
from selfheal.store.reading.attempts import Attempts
from selfheal.store.reading.comparisons import Comparisons
from selfheal.store.reading.faults import Faults
from selfheal.store.reading.logs import LogViews
from selfheal.store.reading.measured import Measurements
from selfheal.store.reading.predictions import PredictionReports
from selfheal.store.reading.standing import Standings
from selfheal.store.reading.workflows import Workflows
from selfheal.store.samples import Samples
from selfheal.store.sessions import Sessions
from selfheal.store.silences import Silences
from selfheal.store.starts import MissedStarts
from selfheal.store.storms import Storms
from selfheal.store.tokens import Tokens

STATEMENT_S = 5
"""How long a person waits for one statement at most."""


@dataclass(frozen=True, kw_only=True)
class Services:
    """Everything a request may use.

    Attributes:
        settings: in force; without secrets, which this process is not given.
        estate: wired by them on this server's own database role: what people read, breakers, modes, components.
        approvals: questions to people.
        pauses: the kill switch.
        maintenance: windows.
        storms: too much at once.
        missed_starts: heals that began late.
        attempts: read by pages.
        faults: the same.
        standings: how the whole stands.
        workflows: of the estate.
        comparisons: what their stores say, and where those disagree.
        alerts: what people were told.
        silences: what they say about it.
        measured: the hosts, and rollups over time.
        predictions: what was foretold, and what became of it.
        logs: how far they were read, what was found, suspected and lost.
        marks: whether something has changed.
        samples: what is counted for Prometheus.
        tokens: whom they belong to.
        sessions: logins.
        deeds: what people did.
        port: where this process listens.
        open_secret: of the token that everybody comes in by: only in a demo, on loopback; empty: nobody does.
        prefect: a client of the Prefect server.
        prefect_ui: where a person finds its UI.
    """

    settings: Settings
    estate: Estate
    approvals: Approvals
    pauses: Pauses
    maintenance: Maintenance
    storms: Storms
    missed_starts: MissedStarts
    attempts: Attempts
    faults: Faults
    standings: Standings
    workflows: Workflows
    comparisons: Comparisons
    alerts: Alerts
    silences: Silences
    measured: Measurements
    predictions: PredictionReports
    logs: LogViews
    marks: Marks
    samples: Samples
    tokens: Tokens
    sessions: Sessions
    deeds: Deeds
    port: int
    open_secret: str = field(default="", repr=False)
    prefect: Callable[[], AbstractContextManager[PrefectApi]] = field(repr=False)
    prefect_ui: str

    @property
    def web(self) -> Web:
        """The server's own settings."""
        return self.settings.web

    @property
    def open_door(self) -> bool:
        """Whether everybody is let in."""
        return bool(self.open_secret)

    @property
    def engine(self) -> Engine:
        """The database, as selfheal_api."""
        return self.estate.engine

    @property
    def address(self) -> str:
        """What links begin with."""
        return self.web.address(self.port)

    @property
    def https(self) -> bool:
        """Whether people reach us encrypted."""
        return self.address.startswith("https://")


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What this process was started with, whatever the settings are.

    Attributes:
        database_url: of our database, as selfheal_api.
        port: where it listens.
        prefect_ui: where a person finds Prefect's UI; its API is below that.
        prefect_login: USER:PASSWORD, where it asks for one.
        open_secret: of the token that everybody comes in by.
    """

    database_url: str = field(repr=False)
    port: int
    prefect_ui: str
    prefect_login: str = field(default="", repr=False)
    open_secret: str = field(default="", repr=False)


def connected(settings: Settings, around: Surroundings) -> Services:
    """The services of these settings; nothing is connected yet."""
    estate = wire(settings, database_url=around.database_url, statement_s=STATEMENT_S)
    engine = estate.engine
    return Services(
        settings=settings,
        estate=estate,
        approvals=Approvals(engine),
        pauses=Pauses(engine),
        maintenance=Maintenance(engine),
        storms=Storms(engine),
        missed_starts=MissedStarts(engine),
        attempts=Attempts(engine),
        faults=Faults(engine),
        standings=Standings(engine),
        workflows=Workflows(engine),
        comparisons=Comparisons(engine, settings.workflows.pipeline(), many_orphans=settings.workflows.many_orphans),
        alerts=Alerts(engine),
        silences=Silences(engine),
        measured=Measurements(engine),
        predictions=PredictionReports(engine),
        logs=LogViews(engine),
        marks=Marks(engine),
        samples=Samples(engine),
        tokens=Tokens(engine),
        sessions=Sessions(engine),
        deeds=Deeds(engine),
        port=around.port,
        open_secret=around.open_secret,
        prefect=lambda: PrefectApi(around.prefect_ui, auth_string=around.prefect_login),
        prefect_ui=around.prefect_ui,
    )


def services_of(request: Request) -> Services:
    """Those of the settings in force."""
    found = request.app.state.services
    if not isinstance(found, Services):
        raise TypeError("the application was made without services")
    return found

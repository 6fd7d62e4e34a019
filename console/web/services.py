"""What the web server works with: made once per settings, given to every request as `request.app.state.services`."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from fastapi import Request
from sqlalchemy import Engine

from deployments.prefect_api import PrefectApi
from selfheal.bootstrap import Estate, wire
from selfheal.model.identity import Identity
from selfheal.settings.estate import Settings
from selfheal.settings.web import Web
from selfheal.store.approvals import Approvals
from selfheal.store.maintenance import Maintenance
from selfheal.store.pauses import Pauses
from selfheal.store.starts import MissedStarts
from selfheal.store.storms import Storms


class BegunSession(Protocol):
    """What a login gives."""

    secret: str
    csrf: str


class TokenBook(Protocol):
    """See `store.tokens.Tokens`."""

    def find(self, secret: str) -> Identity | None:
        """Whose living token it is."""
        ...


class SessionBook(Protocol):
    """See `store.sessions.Sessions`."""

    def begin(self, identity: Identity, lasts: timedelta) -> BegunSession:
        """Log in."""
        ...

    def find(self, secret: str) -> tuple[Identity, str] | None:
        """Who is logged in by it, and the token that its forms carry."""
        ...

    def end(self, secret: str) -> None:
        """Log out."""
        ...


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
        tokens: whom they belong to.
        sessions: logins.
        port: where this process listens.
        open_door: everybody is an administrator: only in a demo, on loopback.
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
    tokens: TokenBook
    sessions: SessionBook
    port: int
    open_door: bool = False
    prefect: Callable[[], AbstractContextManager[PrefectApi]] = field(repr=False)
    prefect_ui: str

    @property
    def web(self) -> Web:
        """The server's own settings."""
        return self.settings.web

    @property
    def engine(self) -> Engine:
        """The database, as selfheal_api."""
        return self.estate.engine

    @property
    def address(self) -> str:
        """What links begin with."""
        return self.web.public_url.rstrip("/") or f"http://127.0.0.1:{self.port}"

    @property
    def https(self) -> bool:
        """Whether people reach us encrypted."""
        return self.address.startswith("https://")


def connected(  # noqa: PLR0913 - each is a fact of the process
    settings: Settings,
    *,
    database_url: str,
    tokens: Callable[[Engine], TokenBook],
    sessions: Callable[[Engine], SessionBook],
    port: int,
    prefect_ui: str,
    open_door: bool = False,
) -> Services:
    """The services of these settings; nothing is connected yet."""
    estate = wire(settings, database_url=database_url)
    engine = estate.engine
    secret = settings.prefect.auth_string.get_secret_value()
    return Services(
        settings=settings,
        estate=estate,
        approvals=Approvals(engine),
        pauses=Pauses(engine),
        maintenance=Maintenance(engine),
        storms=Storms(engine),
        missed_starts=MissedStarts(engine),
        tokens=tokens(engine),
        sessions=sessions(engine),
        port=port,
        open_door=open_door,
        prefect=lambda: PrefectApi(prefect_ui, auth_string=secret),
        prefect_ui=prefect_ui,
    )


def services_of(request: Request) -> Services:
    """Those of the settings in force."""
    found = request.app.state.services
    if not isinstance(found, Services):
        raise TypeError("the application was made without services")
    return found

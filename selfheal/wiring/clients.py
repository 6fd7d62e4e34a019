"""Wires what talks to the outside: supervisors, engines, brokers, databases, the request file. Bootstrap calls it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from selfheal.clients.docker import Docker
from selfheal.clients.estate_database import EstateDatabase
from selfheal.clients.http import Http
from selfheal.clients.nats import NatsBroker
from selfheal.clients.request_file import RequestFile
from selfheal.clients.supervisor import Supervisor
from selfheal.ports import Clock, ContainerControl, OrphanedDeliverables, ServiceControl
from selfheal.settings.component import ENGINE
from selfheal.settings.estate import Settings
from selfheal.store.file_changes import FileChangeRows
from selfheal.wiring.deliverables import orphans_of
from selfheal.wiring.within import Within, within


@dataclass(frozen=True, kw_only=True)
class Clients:
    """What probes and actions look and act through.

    Attributes:
        clock: time and waiting.
        controls: the supervisors by name.
        containers: the Docker engines by name; empty where no component names a container.
        broker: asks NATS brokers.
        http: asks and calls URLs.
        databases: the estate's own databases by name.
        request_file: of the workflows; None where the settings name none.
        orphans: the deliverables of requests that nobody knows; None as well.
        inner: looks and acts within containers, processes and file systems.
    """

    clock: Clock
    controls: Mapping[str, ServiceControl]
    containers: Mapping[str, ContainerControl]
    broker: NatsBroker
    http: Http
    databases: Mapping[str, EstateDatabase]
    request_file: RequestFile | None
    orphans: OrphanedDeliverables | None
    inner: Within


def clients_of(settings: Settings, engine: Engine, clock: Clock) -> Clients:
    """As the settings say; nothing is connected yet."""
    request_file = _request_file(settings, engine, clock)
    return Clients(
        clock=clock,
        controls={
            name: Supervisor(
                url=one.url, username=one.username, password=one.password.get_secret_value(), timeout=one.timeout
            )
            for name, one in settings.supervisors.items()
        },
        containers=_engines(settings),
        broker=NatsBroker(),
        http=Http(),
        databases={
            name: EstateDatabase(
                url=one.url, username=one.username, password=one.password.get_secret_value(), timeout=one.timeout
            )
            for name, one in settings.databases.items()
        },
        request_file=request_file,
        orphans=None if request_file is None else orphans_of(settings.workflows, engine, file=request_file),
        inner=within(settings, engine, clock),
    )


def _request_file(settings: Settings, engine: Engine, clock: Clock) -> RequestFile | None:
    """The request file, if the settings name one."""
    workflows = settings.workflows
    if not workflows.request_file:
        return None
    return RequestFile(
        Path(workflows.request_file).expanduser().absolute(),
        backups=Path(workflows.backups).expanduser().absolute() if workflows.backups else None,
        keep=workflows.keep_backups,
        changes=FileChangeRows(engine),
        clock=clock,
    )


def _engines(settings: Settings) -> dict[str, ContainerControl]:
    """The Docker engine, if a component names a container."""
    if not any(one.container for one in settings.components.values()):
        return {}
    return {ENGINE: Docker(url=settings.docker.url, timeout=settings.docker.timeout)}

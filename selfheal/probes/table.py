"""Every probe, by the word that settings use for it. Bootstrap builds the table with the real clients."""

from collections.abc import Mapping
from types import MappingProxyType

from selfheal.model.component import ProbeKind
from selfheal.ports import (
    BrokerClient,
    Clock,
    ContainerInside,
    EstateDatabase,
    HostPaths,
    HttpClient,
    KeptFile,
    LocalProcesses,
    LooksAtHost,
    OrphanedDeliverables,
    Probe,
)
from selfheal.probes.command import CommandProbe
from selfheal.probes.container import ContainerProbe
from selfheal.probes.deliverables import DeliverablesProbe
from selfheal.probes.host import HostProbe
from selfheal.probes.http import HttpProbe
from selfheal.probes.memory import MemoryProbe
from selfheal.probes.nats import NatsProbe
from selfheal.probes.path import PathProbe
from selfheal.probes.process import ProcessProbe
from selfheal.probes.request_file import RequestFileProbe
from selfheal.probes.sql import SqlProbe
from selfheal.probes.sql_object import SqlObjectProbe


def probe_table(  # noqa: PLR0913 - what the probes ask
    *,
    http: HttpClient,
    broker: BrokerClient,
    clock: Clock,
    databases: Mapping[str, EstateDatabase] = MappingProxyType({}),
    request_file: KeptFile | None = None,
    orphans: OrphanedDeliverables | None = None,
    insides: Mapping[str, ContainerInside] = MappingProxyType({}),
    processes: LocalProcesses | None = None,
    paths: HostPaths | None = None,
    host: LooksAtHost | None = None,
) -> Mapping[ProbeKind, Probe]:
    """One probe per kind."""
    return {
        ProbeKind.HTTP: HttpProbe(http, clock),
        ProbeKind.NATS: NatsProbe(broker, clock),
        ProbeKind.PROCESS: ProcessProbe(clock),
        ProbeKind.CONTAINER: ContainerProbe(clock),
        ProbeKind.SQL: SqlProbe(databases, clock),
        ProbeKind.SQL_OBJECT: SqlObjectProbe(databases, clock),
        ProbeKind.REQUEST_FILE: RequestFileProbe(request_file, clock),
        ProbeKind.PATH: PathProbe(insides, paths, clock),
        ProbeKind.COMMAND: CommandProbe(insides, clock),
        ProbeKind.MEMORY: MemoryProbe(insides, processes, http, clock),
        ProbeKind.DELIVERABLES: DeliverablesProbe(orphans, clock),
        **({} if host is None else {ProbeKind.HOST: HostProbe(host, clock)}),
    }

"""What is watched and healed, as the settings describe it."""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from selfheal.model.check import Call, Collect, Install, MemoryLimit, Scale


class ProbeKind(StrEnum):
    """How a component's health is observed."""

    HTTP = "http"
    NATS = "nats"
    PROCESS = "process"
    CONTAINER = "container"
    SQL = "sql"
    SQL_OBJECT = "sql-object"
    PATH = "path"
    COMMAND = "command"
    MEMORY = "memory"
    REQUEST_FILE = "request-file"  # of the workflows' settings
    WORKFLOW = "workflow"  # of the requests, never of the settings
    DELIVERABLES = "deliverables"  # the same
    HOST = "host"  # of agent-health's settings


@dataclass(frozen=True, kw_only=True)
class Component:
    """One component of the estate.

    Attributes:
        name: ours, 1-50 of `[a-z0-9_.-]`.
        target: canonical name of the physical thing, e.g. `supervisor/demo/backend` or
            `docker/agents-nats`, `database/agents/wms.stock_levels`; two components with one target are never
            healed at the same time.
        probe: how its health is observed.
        url: what the probe asks (`http://` or `nats://`); empty for a process or container probe.
        credentials: user and password for the probe, or None.
        supervisor: name of the supervisor that runs it, or empty.
        program: name of its process within that supervisor.
        docker: name of the Docker engine that runs it, or empty; it has a program or a container, never both.
        container: name of its container within that engine.
        database: name of the estate's database that the probe asks, or empty.
        object: the table, view or materialized view that must be there, as `schema.name`; empty unless the probe
            is `sql-object`.
        migration: the entry of the catalogue that makes the object, or empty.
        group: of replicas or of what fails together; empty for none.
        depends_on: names of the components that must be healthy for this one to be.
        restarts: its supervisord restarts it by itself.
        allowed_as: the name that stands for it on the allow-list; empty: its own.
        critical: its triggers are CRITICAL, whatever their kind.
        ladder: the actions to try, first rung first.
        clear_caches: how its caches are cleared; None where nobody said.
        path: the file or folder that must be there, in its container if it has one; empty unless the probe is `path`.
        mounted: whether that must be a mount.
        copies: the folder that keeps the last good copies of the file; empty: none are kept.
        command: what the probe `command` runs in its container, program and arguments.
        install: what installs its packages anew; None where nobody said.
        memory: how much the probe `memory` lets it use; None with another probe.
        collect: how it is told to collect its garbage; None where nobody said.
        scale: how many replicas it may have, and what changes their number; None where nobody said.
        watched: whether each sweep looks at it; if not, it is looked at when a trigger suspects it, and once a minute
            while its fault is open.
        probe_timeout: a probe that takes longer has failed.
        start_timeout: how long it may take to become healthy after a heal.
        healthy_delay: it must still be healthy this long after it first was.
    """

    name: str
    target: str
    probe: ProbeKind
    url: str = ""
    credentials: tuple[str, str] | None = field(default=None, repr=False)
    supervisor: str = ""
    program: str = ""
    docker: str = ""
    container: str = ""
    database: str = ""
    object: str = ""
    migration: str = ""
    group: str = ""
    depends_on: frozenset[str] = frozenset()
    restarts: bool = False
    allowed_as: str = ""
    critical: bool = False
    ladder: tuple[str, ...] = ()
    clear_caches: Call | None = None
    path: str = ""
    mounted: bool = False
    copies: str = ""
    command: tuple[str, ...] = ()
    install: Install | None = None
    memory: MemoryLimit | None = None
    collect: Collect | None = None
    scale: Scale | None = None
    watched: bool = True
    probe_timeout: timedelta = timedelta(seconds=2)
    start_timeout: timedelta = timedelta(seconds=60)
    healthy_delay: timedelta = timedelta(seconds=5)

    @property
    def keeper(self) -> str:
        """Who runs it: `docker/ENGINE`, `supervisor/NAME`, or empty."""
        if self.container:
            return f"docker/{self.docker}"
        return f"supervisor/{self.supervisor}" if self.supervisor else ""

    @property
    def unit(self) -> str:
        """What its keeper calls it."""
        return self.container or self.program

"""What is watched and healed, as the settings describe it."""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum


class ProbeKind(StrEnum):
    """How a component's health is observed."""

    HTTP = "http"
    NATS = "nats"
    PROCESS = "process"
    CONTAINER = "container"
    SQL = "sql"
    SQL_OBJECT = "sql-object"
    REQUEST_FILE = "request-file"  # of the workflows' settings
    WORKFLOW = "workflow"  # of the requests, never of the settings
    DELIVERABLES = "deliverables"  # the same


LONGEST_CALL = timedelta(seconds=60)
"""A call that clears caches is over by then."""


@dataclass(frozen=True, kw_only=True)
class CacheCall:
    """How a component's caches are cleared: one HTTP call, or one NATS message where there is a subject.

    Attributes:
        url: `http://` or `https://`, or the broker's `nats://`.
        method: of the HTTP call.
        subject: of the message; empty for HTTP.
        body: of the call or message.
        token: sent with the call as a bearer token; empty for none.
        credentials: user and password for the broker, or None.
        timeout: it has failed when it takes longer.
    """

    url: str
    method: str = "POST"
    subject: str = ""
    body: str = ""
    token: str = field(default="", repr=False)
    credentials: tuple[str, str] | None = field(default=None, repr=False)
    timeout: timedelta = timedelta(seconds=5)

    @property
    def words(self) -> str:
        """What is sent, for a person; no query, which may hold a secret."""
        return f"NATS message {self.subject}" if self.subject else f"{self.method} {self.url.partition('?')[0]}"


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
    clear_caches: CacheCall | None = None
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

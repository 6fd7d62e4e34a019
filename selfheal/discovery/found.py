"""What was found on a machine: frozen values that the clients of Docker, supervisord and systemd give."""

from dataclasses import dataclass, field
from datetime import timedelta


@dataclass(frozen=True, kw_only=True)
class HealthCheck:
    """A container's own health check, with Docker's defaults filled in.

    Attributes:
        interval: between two checks.
        retries: failures in a row that make it unhealthy.
        start_period: failures within it do not count.
    """

    interval: timedelta
    retries: int
    start_period: timedelta

    @property
    def verdict(self) -> timedelta:
        """How long a start may take until the check has spoken for certain."""
        return self.start_period + self.interval * self.retries


@dataclass(frozen=True, kw_only=True)
class FoundContainer:
    """One container.

    Attributes:
        id: its 64 digits.
        name: in Docker.
        image: as it was created from.
        state: Docker's word: running, exited, paused, ...
        exit_code: of its last end.
        restart_policy: `no`, `always`, `unless-stopped`, `on-failure`.
        auto_remove: whether it is gone as soon as it ends (`docker run --rm`).
        check: its health check; None without one.
        stop_grace: how long it may take to stop.
        ports: published TCP ports of the host, with the container's own.
        project: of Docker Compose; empty without.
        service: of Docker Compose; empty without.
        needs: the services that Docker Compose starts before it.
        one_off: whether `docker compose run` made it.
        mounts: where it sees files or folders of the host.
        memory_limit: in bytes; 0: it has none.
    """

    id: str
    name: str
    image: str
    state: str
    exit_code: int = 0
    restart_policy: str = "no"
    auto_remove: bool = False
    check: HealthCheck | None = None
    stop_grace: timedelta = timedelta(seconds=10)
    ports: tuple[tuple[int, int], ...] = ()
    project: str = ""
    service: str = ""
    needs: frozenset[str] = frozenset()
    one_off: bool = False
    mounts: tuple[str, ...] = ()
    memory_limit: int = 0


@dataclass(frozen=True, kw_only=True)
class FoundProgram:
    """One program of a supervisord.

    Attributes:
        name: as the supervisord calls it, `group:name` where it is not its own group.
        state: the supervisord's word: RUNNING, EXITED, ...
        pid: 0 when it does not run.
    """

    name: str
    state: str
    pid: int = 0


@dataclass(frozen=True, kw_only=True)
class FoundSupervisor:
    """One supervisord that answered.

    Attributes:
        name: what to call it in the settings.
        url: where it listens.
        username: empty when it asks for none.
        password: the same; it is written into the file, which only its owner may read then.
        programs: all of them.
    """

    name: str
    url: str
    username: str = ""
    password: str = field(default="", repr=False)
    programs: tuple[FoundProgram, ...] = ()


@dataclass(frozen=True, kw_only=True)
class FoundUnit:
    """One running service of systemd."""

    name: str
    description: str


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Everything that was found.

    Attributes:
        docker: where the engine listens; empty without one.
        containers: of that engine.
        supervisors: those that answered.
        units: services of systemd.
        our_pids: processes of Selfheal itself.
        our_containers: ids of the containers that they run in.
        our_ports: of this machine, where servers listen that Selfheal itself needs.
        silent: one sentence per source that could not be asked.
    """

    docker: str = ""
    containers: tuple[FoundContainer, ...] = ()
    supervisors: tuple[FoundSupervisor, ...] = ()
    units: tuple[FoundUnit, ...] = ()
    our_pids: frozenset[int] = frozenset()
    our_containers: frozenset[str] = frozenset()
    our_ports: frozenset[int] = frozenset()
    silent: tuple[str, ...] = ()

"""What is watched and healed, as the probes and actions see it."""

from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from typing import Any, Protocol

from selfheal.model.migration import CatalogueEntry
from selfheal.model.observation import Incarnation
from selfheal.model.role_rights import RoleRights
from selfheal.model.usage import ContainerUsage


class ServiceControl(Protocol):
    """A supervisor of processes (supervisord over XML-RPC).

    Every call answers within the client's time-out or raises `Transient` (away, too slow);
    a program that the supervisor does not know raises `Permanent` with the names it knows.
    """

    def processes(self) -> Mapping[str, Incarnation]:
        """All programs by name."""
        ...

    def process(self, program: str) -> Incarnation:
        """One program."""
        ...

    def stop(self, program: str, *, timeout: timedelta) -> None:
        """Stop with the program's own signal and grace, and wait for the end; no error if it does not run."""
        ...

    def start(self, program: str, *, timeout: timedelta) -> None:
        """Start without waiting for its health; no error if it already runs; `Permanent` if it cannot be spawned."""
        ...

    def log_tail(self, program: str, *, size: int) -> str:
        """The last `size` bytes of the program's output, decoded; empty when it keeps none."""
        ...


class Changes(Protocol):
    """A stream of containers that changed: their names, one by one, until the engine goes away or `close`."""

    def __iter__(self) -> Iterator[str]:
        """Ends, silently, when the engine dies; what happens while nobody listens never comes."""
        ...

    def close(self) -> None:
        """End the stream; may be called from another thread."""
        ...


class ContainerControl(Protocol):
    """A Docker engine.

    Every call answers within the client's time-out, or its own, or raises `Transient` (away, frozen, too slow).
    Names are looked up in the engine's list and never become part of a path: what is no name is `NotAllowed`. Acts
    take the id of the container that was looked at, so that another one of the same name is never touched.
    """

    def containers(self, names: Collection[str] | None = None) -> Mapping[str, Incarnation]:
        """These containers (None: all) by name; one that does not exist has the state REMOVED."""
        ...

    def container(self, name: str) -> Incarnation:
        """One container, looked at afresh."""
        ...

    def inspect(self, container_id: str) -> dict[str, Any]:
        """What is worth keeping as evidence: state, health log, limits, restart policy, and what it uses if it runs."""
        ...

    def stop_grace(self, container_id: str) -> timedelta:
        """How long the container may take to stop before it is killed, as it was created."""
        ...

    def restart(self, container_id: str, *, timeout: timedelta) -> None:
        """Stop with the container's own signal and grace, and start; one call to the engine. Waits for the start."""
        ...

    def start(self, container_id: str, *, timeout: timedelta) -> None:
        """Start without waiting for its health; no error if it already runs; `Permanent` if it cannot be started."""
        ...

    def stop(self, container_id: str, *, timeout: timedelta) -> None:
        """Stop with the container's own signal and grace, and wait for the end; no error if it does not run."""
        ...

    def pause(self, container_id: str) -> None:
        """Freeze its processes; no error if they are."""
        ...

    def unpause(self, container_id: str) -> None:
        """Let them run again; no error if they do."""
        ...

    def log_tail(self, container_id: str, *, lines: int) -> str:
        """Its last lines, decoded; empty when its log cannot be read back."""
        ...

    def usages(self, names: Collection[str]) -> Mapping[str, ContainerUsage]:
        """What these containers use, by name; of one that does not run nothing is told. It may take seconds."""
        ...

    def changes(self) -> Changes:
        """Subscribe: once this returns, no change is missed until the stream ends."""
        ...


class HttpClient(Protocol):
    """Asks a URL."""

    def get(self, url: str, *, timeout: timedelta) -> tuple[int, int]:
        """Status code and milliseconds; `Transient` says in words why there was no answer."""
        ...

    def read(self, url: str, *, token: str, timeout: timedelta) -> str:
        """The first 64 KiB of what a GET is answered with.

        `Permanent` for any status but 2xx, `Transient` as for `get`.
        """
        ...

    def send(self, method: str, url: str, *, token: str, body: str, timeout: timedelta) -> int:
        """One call with a bearer token, if there is one, and a body; its status code. `Transient` as for `get`."""
        ...


class BrokerClient(Protocol):
    """Asks a NATS broker."""

    def publish(
        self, url: str, subject: str, body: bytes, *, credentials: tuple[str, str] | None, timeout: timedelta
    ) -> None:
        """Connect anew and send one message; the broker has taken it when this returns.

        Errors as for `ping`; `Permanent` too where the broker does not let us publish there.
        """
        ...

    def ping(self, url: str, *, credentials: tuple[str, str] | None, timeout: timedelta) -> int:
        """Connect anew, flush, and give the milliseconds of the flush.

        `Transient` says why there was no answer; `Permanent` that we asked wrongly (address, password).
        """
        ...


class EstateDatabase(Protocol):
    """A database of the estate's own, asked as the limited role; each call connects anew.

    `Transient`: it does not answer. `Permanent`: it answers, and does not let us in or know what we ask for.
    """

    def ping(self, *, timeout: timedelta) -> int:
        """SELECT 1; its milliseconds."""
        ...

    def object(self, name: str, *, timeout: timedelta) -> Incarnation:
        """A table or view, as `schema.name`: its state is PRESENT, MISSING or UNPOPULATED."""
        ...

    def entries(self) -> Mapping[str, CatalogueEntry]:
        """The catalogue of migrations that it holds, by name; `NotAllowed` where it has none for us."""
        ...

    def apply(self, entry: str, *, sha256: str, timeout: timedelta) -> bool:
        """Run an entry in one transaction unless its object stands; whether it ran.

        `TargetChanged`: the catalogue holds something else than `sha256`, nothing was run. `Undone`: it failed, and
        nothing of it is left. `Transient`: nobody can tell.
        """
        ...

    def rights(self) -> RoleRights:
        """What the role may do beyond what it needs."""
        ...

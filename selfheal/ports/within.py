"""What is looked at and done within containers, processes and file systems, as the probes and actions see it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

from selfheal.model.check import Executed, GoodCopy, MemoryUse, PathStanding, Replicas
from selfheal.model.component import Component
from selfheal.model.observation import Incarnation


class ContainerInside(Protocol):
    """The inside of a Docker engine's containers, which are told by their ids.

    Every call answers within the client's time-out, or its own. `Transient`: the engine, or the container, does not
    answer in time. `Permanent`: the engine refuses, or there is no such container.
    """

    def execute(self, container_id: str, command: tuple[str, ...], *, timeout: timedelta) -> Executed:
        """Run a command, no shell between, and wait for its end; `Overrun` where that does not come in time.

        Not begun where the same command of an earlier call still runs: that is waited for, and is an `Overrun` too.
        """
        ...

    def path(self, container_id: str, path: str, *, mounted: bool) -> PathStanding:
        """A file or folder as the container's own processes see it, as far as that can be told."""
        ...

    def memory(self, container_id: str) -> MemoryUse:
        """What it uses now, without what the kernel only keeps because there is room.

        `Permanent` where nobody counts.
        """
        ...

    def signal(self, container_id: str, name: str) -> None:
        """Send a signal to its first process."""
        ...


class LocalProcesses(Protocol):
    """Processes of this machine, told by pid and start, so that a reused pid is never taken for them."""

    def memory(self, life: Incarnation) -> MemoryUse:
        """What it holds in memory now; `Permanent` where it is no process of this machine."""
        ...

    def signal(self, life: Incarnation, name: str, *, still: Callable[[], bool]) -> None:
        """Send a signal once.

        Args:
            life: the process.
            name: like `SIGUSR2`.
            still: asked last, with the process held: whether its supervisor still tells of the same life.

        Raises:
            TargetChanged: it has ended, or it is another one; nothing was sent.
            NotAllowed: it does not handle this signal, and would end by it.
            Permanent: we may not, or it is no process of this machine.
        """
        ...


class HostPaths(Protocol):
    """Files and folders of this machine."""

    def standing(self, path: str, *, mounted: bool, timeout: timedelta) -> PathStanding:
        """One look; `Transient`: it takes too long, as on a file server that is away."""
        ...

    def mountable(self, path: str) -> str:
        """Why we cannot mount it; empty: the machine's table of mounts has it, and we may."""
        ...

    def mount(self, path: str, *, timeout: timedelta) -> None:
        """Mount it as the machine's table says; `Transient`: that takes too long; `Permanent`: it is refused."""
        ...

    def keep(self, path: str, folder: str, *, timeout: timedelta) -> None:
        """Keep a copy of the file as good if it has changed; an empty or very large one is none.

        `Transient`: it cannot be kept, or that takes too long.
        """
        ...

    def copy(self, path: str, folder: str) -> GoodCopy | None:
        """The last good copy; None: there is none."""
        ...

    def put_back(self, path: str, folder: str, *, sha256: str, who: str, why: str) -> None:
        """Put that copy where no file is; it is recorded in `file_changes`.

        `TargetChanged`: something is there again; `Transient`: it cannot be written. Nothing is changed by either.
        """
        ...


class ReplicaSets(Protocol):
    """What tells and changes how many replicas of components run.

    By whole numbers, never by one more or one less: what is asked for twice is done once. `Transient`: nobody can
    tell, or it does not come to its end in time. `Permanent`: what tells says no number, or what changes refuses.
    """

    def look(self, component: Component) -> Replicas:
        """How many there are now; changes nothing."""
        ...

    def bring_to(self, component: Component, number: int) -> str:
        """Let so many run, within `scale.timeout`; says what was done. More may be on their way when this returns."""
        ...

"""How a component is checked from within, and what mends what such a check finds; as the settings describe it."""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import ClassVar

LONGEST_CALL = timedelta(seconds=60)
"""A call that clears caches or collects garbage is over by then."""
LONGEST_INSTALL = timedelta(minutes=20)
"""An installation is over by then."""
LONGEST_SCALE = timedelta(minutes=5)
"""A command that changes a number of replicas is over by then."""
MIB = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Call:
    """One HTTP call, or one NATS message where there is a subject.

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
class MemoryLimit:
    """How much memory is too much: a share or an amount, one of the two.

    Attributes:
        share: of the container's limit, or of the figure in `limit_field`; 0: `mib` counts.
        mib: in MiB; 0: `share` counts.
        url: of an HTTP endpoint that tells the use as JSON; empty: the container or process is looked at.
        token: sent with it as a bearer token; empty for none.
        field: the figure in bytes in what the endpoint tells, like `memory.heapUsed`.
        limit_field: the figure of which `share` is a share; empty: there is none.
    """

    share: float = 0
    mib: float = 0
    url: str = ""
    token: str = field(default="", repr=False)
    field: str = ""
    limit_field: str = ""


@dataclass(frozen=True, kw_only=True)
class Collect:
    """How a component is told to collect its garbage: one of a signal, a call and a command.

    Attributes:
        signal: for its process, like `SIGUSR2`; empty: no signal.
        call: of HTTP or NATS; None: no call.
        command: program and arguments, run in its container; empty: no command.
        timeout: of the command.
    """

    signal: str = ""
    call: Call | None = None
    command: tuple[str, ...] = ()
    timeout: timedelta = timedelta(seconds=30)


@dataclass(frozen=True, kw_only=True)
class Install:
    """What installs a component's packages anew.

    Attributes:
        command: program and arguments, run in its container.
        timeout: it has failed when it takes longer.
    """

    command: tuple[str, ...]
    timeout: timedelta = timedelta(minutes=10)


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How many replicas a component may have, and what tells and changes their number: two commands, or Docker.

    Attributes:
        least: fewer than these are too few.
        most: there are never more by us.
        step: so many more each time.
        count: program and arguments that print how many run; empty with a label.
        command: program and arguments that bring it to a number, which replaces `PLACE` in them; empty with a label.
        label: of Docker, `name=value`, that all containers of the set have; empty with commands.
        timeout: the command, or the engine's starts and stops, may take so long.
    """

    least: int = 1
    most: int
    step: int = 1
    count: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    label: str = ""
    timeout: timedelta = timedelta(seconds=60)

    PLACE: ClassVar[str] = "{replicas}"

    def brought_to(self, number: int) -> tuple[str, ...]:
        """The command that brings it to this number."""
        return tuple(part.replace(self.PLACE, str(number)) for part in self.command)

    def after(self, running: int) -> int:
        """How many there are to be where so many run; as many, where there may be no more."""
        return max(running, min(max(self.least, running + self.step), self.most))


@dataclass(frozen=True, kw_only=True)
class Replicas:
    """One look at a set of replicas.

    Attributes:
        running: so many run.
        there: so many there are, running or not; as many as run where nobody can tell.
        unready: those that run, and whose own check does not say that they are well.
    """

    running: int
    there: int
    unready: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The number, for a person, and to tell one look from another."""
        return str(self.running) if self.running == self.there else f"{self.running} of {self.there}"


class PathState(StrEnum):
    """How a file or folder stands."""

    PRESENT = "PRESENT"
    MISSING = "MISSING"
    UNREADABLE = "UNREADABLE"
    NOT_MOUNTED = "NOT_MOUNTED"  # it should be a mount, and is none
    STALE = "STALE"  # a container sees it no more, and would if it were started anew


@dataclass(frozen=True, kw_only=True)
class PathStanding:
    """One look at a file or folder.

    Attributes:
        state: how it stands.
        detail: in words for a person; empty: nothing to say.
        id: tells it from another one of this name; empty where it is not there, or in a container.
    """

    state: PathState
    detail: str = ""
    id: str = ""


@dataclass(frozen=True, kw_only=True)
class Executed:
    """A command that has ended.

    Attributes:
        exit_code: its own, or the engine's where it could not be begun (126, 127).
        output: the end of what it wrote.
        cut: whether it wrote more.
    """

    exit_code: int
    output: str
    cut: bool = False


@dataclass(frozen=True, kw_only=True)
class MemoryUse:
    """What something uses, in bytes; the limit is 0 where it has none."""

    used: int
    limit: int = 0


@dataclass(frozen=True, kw_only=True)
class GoodCopy:
    """The last good copy of a file.

    Attributes:
        sha256: of its bytes.
        size: in bytes.
        words: since when it is that, for a person.
    """

    sha256: str
    size: int
    words: str


def shown(command: tuple[str, ...]) -> str:
    """A command for a person, short."""
    return " ".join(command)[:200]

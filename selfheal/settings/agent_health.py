"""How the host is looked at that the mechanisms run on, and where that is published."""

import re
import socket
from datetime import timedelta
from typing import Annotated, Self

from pydantic import Field, SecretStr, model_validator

from selfheal.model.host import HostLimits
from selfheal.settings.values import Broker, Duration, Percent, Section, Subject, Turn, login
from selfheal.settings.wording import Wrong

_LONGEST_NAME = 45


class AgentHealth(Section):
    """How the host is looked at that the mechanisms run on, and where that is published."""

    name: Annotated[str, Field(pattern=rf"^[a-z0-9_.-]{{0,{_LONGEST_NAME}}}$")] = ""
    """What this host is called in records and messages; empty: its own name."""
    every: Turn = timedelta(minutes=2)
    """It is looked at this often, from 500 ms to 1 h."""
    every_wrong: Turn = timedelta(minutes=1)
    """The same while something is wrong."""
    every_quiet: Turn = timedelta(minutes=5)
    """The same when nothing was wrong for `quiet_after`."""
    quiet_after: Duration = timedelta(hours=1)
    """After so long without anything wrong it is looked at less often."""
    files: tuple[str, ...] = ()
    """Critical files that must be readable and not empty, like the agents' definitions; the request file of the
    workflows is one of them anyhow."""
    disks: tuple[str, ...] = ()
    """Paths whose disks must not be full; that of our own data folder is one of them anyhow."""
    memory_percent: Percent = 90
    """Fuller is wrong. Inside a container its limits count."""
    disk_percent: Percent = 90
    """The same of each disk."""
    cpu_percent: Percent = 80
    """Busier is wrong, for as long as `cpu_for`."""
    cpu_for: Duration = timedelta(minutes=5)
    """How long the processors must be that busy without a break."""
    round_trip: Duration = timedelta(milliseconds=500)
    """NATS is slow when a round trip takes longer."""
    url: Broker = ""
    """The NATS server that is looked at and published to; empty: that of the workflows, if there are any."""
    username: str = ""
    """With `url`: for the server."""
    password: SecretStr = SecretStr("")
    """The same; never shown."""
    timeout: Duration = timedelta(seconds=5)
    """NATS that takes longer has not answered."""
    health_subject: Subject = "agog.monitoring.health"
    """Where what is wrong is published, as JSON."""
    metrics_subject: Subject = "agog.metrics.system"
    """Where what was measured is published, as JSON."""
    ladder: tuple[str, ...] = ()
    """Actions that make the host better when memory, disk or processors are short, first rung first; they also need
    `host` on the allow-list. Usually there are none: a person is told."""

    @property
    def host(self) -> str:
        """What this host is called."""
        return self.name or re.sub(r"[^a-z0-9_.-]", "-", socket.gethostname().lower())[:_LONGEST_NAME] or "host"

    @property
    def credentials(self) -> tuple[str, str] | None:
        """User and password for the server."""
        return login(self.username, self.password)

    def limits(self) -> HostLimits:
        """The numbers as the domain knows them."""
        return HostLimits(
            memory_percent=self.memory_percent,
            disk_percent=self.disk_percent,
            cpu_percent=self.cpu_percent,
            cpu_for=self.cpu_for,
            round_trip=self.round_trip,
            every=self.every,
            every_wrong=self.every_wrong,
            every_quiet=self.every_quiet,
            quiet_after=self.quiet_after,
        )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        """Looked at more often while something is wrong, and less when it is quiet."""
        if not self.every_wrong <= self.every <= self.every_quiet:
            raise Wrong("every", "must not be shorter than every_wrong, nor longer than every_quiet")
        return self

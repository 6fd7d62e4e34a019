"""How a component is checked from within, and what mends what such a check finds."""

from datetime import timedelta
from typing import Annotated, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from selfheal.model.check import LONGEST_CALL, LONGEST_INSTALL, Collect, Install, MemoryLimit
from selfheal.policy.names import nearest
from selfheal.settings.calls import CallSettings
from selfheal.settings.values import Address, Duration, Section
from selfheal.settings.wording import Wrong

SIGNALS = ("SIGHUP", "SIGUSR1", "SIGUSR2")
"""What programs take as a word from outside; any other signal ends or stops them, or some of them."""


def _path(value: str) -> str:
    """Absolute and plain, so that what is meant does not depend on where we stand."""
    parts = value.split("/")[1:]
    if value and (not value.startswith("/") or value == "/" or any(part in {"", ".", ".."} for part in parts)):
        raise ValueError("must be an absolute path without a trailing /, like /srv/app/FILE")
    if any(ord(letter) < ord(" ") for letter in value):
        raise ValueError("must not hold control characters")
    return value


def _command(value: tuple[str, ...]) -> tuple[str, ...]:
    """A program, and what it is given."""
    if value and not value[0]:
        raise ValueError("must begin with the name of a program")
    if any("\0" in part for part in value):
        raise ValueError("must not hold NUL characters")
    return value


FilePath = Annotated[str, Field(max_length=500), AfterValidator(_path)]
Command = Annotated[tuple[Annotated[str, Field(max_length=1000)], ...], Field(max_length=50), AfterValidator(_command)]


class MemorySettings(Section):
    """How much memory is too much."""

    share: Annotated[float, Field(ge=0, le=1)] = 0
    """Of the container's limit, or of the figure in `limit_field`: 0.9 is 90 %."""
    mib: Annotated[float, Field(ge=0)] = 0
    """In MiB; one of the two is given."""
    url: Address = ""
    """An HTTP endpoint that tells the use as JSON; empty: its container or process is looked at."""
    token: SecretStr = SecretStr("")
    """Sent with it as a bearer token; never shown."""
    field: Annotated[str, Field(pattern=r"^([A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*)?$", max_length=200)] = ""
    """The figure in bytes in what the endpoint tells, like `memory.heapUsed`."""
    limit_field: Annotated[str, Field(pattern=r"^([A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*)?$", max_length=200)] = ""
    """The figure of which `share` is a share."""

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        """A share or an amount; what belongs to an endpoint stands with one."""
        if bool(self.share) == bool(self.mib):
            raise Wrong("share", "or mib must be given, one of the two")
        if self.url and not self.url.startswith(("http://", "https://")):
            raise Wrong("url", "must begin with http:// or https://")
        if bool(self.url) != bool(self.field):
            raise Wrong("field", "belongs to a url, which needs one")
        if self.url and bool(self.share) != bool(self.limit_field):
            raise Wrong("limit_field", "belongs to a share of what an endpoint tells, which needs one")
        if not self.url and (self.limit_field or self.token.get_secret_value()):
            raise Wrong("url", "is missing: limit_field and token belong to one")
        return self

    def limit(self) -> MemoryLimit:
        """The same as the domain knows it."""
        return MemoryLimit(
            share=self.share,
            mib=self.mib,
            url=self.url,
            token=self.token.get_secret_value(),
            field=self.field,
            limit_field=self.limit_field,
        )


class CollectSettings(Section):
    """How a component is told to collect its garbage: one of a signal, a command and a call."""

    signal: str = ""
    """For its process: SIGHUP, SIGUSR1 or SIGUSR2. A program that does not handle it may end by it."""
    command: Command = ()
    """Run in its container, program and arguments; no shell is between."""
    call: CallSettings | None = None
    """One HTTP call or NATS message."""
    timeout: Duration = timedelta(seconds=30)
    """The command has failed when it takes longer; at most 60 s."""

    @model_validator(mode="after")
    def _one_of_three(self) -> Self:
        """One way, and a signal that is none of death."""
        if sum((bool(self.signal), bool(self.command), self.call is not None)) != 1:
            raise Wrong("signal", "or command or call must be given, one of the three")
        if self.signal and self.signal not in SIGNALS:
            said = f"must be one of {', '.join(SIGNALS)}{nearest(self.signal, SIGNALS)}"
            raise Wrong("signal", said)
        if self.timeout > LONGEST_CALL:
            raise Wrong("timeout", "must be at most 60 s")
        return self

    def collect(self) -> Collect:
        """The same as the domain knows it."""
        return Collect(
            signal=self.signal,
            command=self.command,
            call=None if self.call is None else self.call.call(),
            timeout=self.timeout,
        )


class InstallSettings(Section):
    """What installs a component's packages anew."""

    command: Command
    """Run in its container, program and arguments, like `["npm", "ci"]`; no shell is between."""
    timeout: Duration = timedelta(minutes=10)
    """It has failed when it takes longer; at most 20 min."""

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        """It is a command, and it ends."""
        if not self.command:
            raise Wrong("command", "must not be empty")
        if self.timeout > LONGEST_INSTALL:
            raise Wrong("timeout", "must be at most 20 min")
        return self

    def install(self) -> Install:
        """The same as the domain knows it."""
        return Install(command=self.command, timeout=self.timeout)

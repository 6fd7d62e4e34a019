"""The servers that Selfheal itself needs, and those that the estate's components run on."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field, SecretStr

from selfheal.settings.values import WITHOUT_LOGIN, Duration, Port, Section


class EmbeddedServer(Section):
    """An embedded server; port 0 picks a free one at first start and keeps it."""

    port: Port = 0
    """Where it listens on loopback; 0 picks a free port at first start and keeps it."""


class PrefectServer(Section):
    """The embedded Prefect server; its port is where the Prefect UI is found."""

    port: Port = 4200
    """Where it listens, and where the Prefect UI is found; 0 picks a free port at first start and keeps it."""


class Supervisor(Section):
    """A supervisord that runs components."""

    url: Annotated[str, Field(pattern=r"^(http://|unix://)"), WITHOUT_LOGIN]
    """Its inet_http_server as `http://HOST:PORT`, or its unix_http_server as `unix:///PATH`."""
    username: str = ""
    """As in supervisord's own configuration; empty when it asks for none."""
    password: SecretStr = SecretStr("")
    """The same; never shown."""
    timeout: Duration = timedelta(seconds=5)
    """A call that takes longer has failed."""


class DockerEngine(Section):
    """The Docker engine that runs components; asked only if one names a container."""

    url: Annotated[str, Field(pattern=r"^(unix:///|tcp://)"), WITHOUT_LOGIN] = "unix:///var/run/docker.sock"
    """Where the engine listens: `unix:///PATH` or `tcp://HOST:PORT`."""
    timeout: Duration = timedelta(seconds=5)
    """A look that takes longer says that nothing is known."""


class Database(Section):
    """A Postgres of the estate's own, asked as the limited role that `selfheal estate-sql` prints."""

    url: Annotated[str, Field(pattern=r"^postgresql://"), WITHOUT_LOGIN]
    """`postgresql://HOST:PORT/NAME`, without user and password."""
    username: str = "selfheal_estate"
    """The limited role."""
    password: SecretStr = SecretStr("")
    """Its password; never shown."""
    timeout: Duration = timedelta(seconds=5)
    """A statement that takes longer has failed."""

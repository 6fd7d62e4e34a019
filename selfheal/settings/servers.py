"""The servers that Selfheal itself needs, and those that the estate's components run on."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field, SecretStr

from selfheal.settings.values import Address, Duration, Port, Section


class EmbeddedServer(Section):
    """An embedded server; port 0 picks a free one at first start and keeps it."""

    port: Port = 0


class PrefectServer(Section):
    """The embedded Prefect server; its port is where the Prefect UI is found."""

    port: Port = 4200


class Supervisor(Section):
    """A supervisord that runs components."""

    url: Annotated[Address, Field(pattern=r"^(http://|unix://)")]
    username: str = ""
    password: SecretStr = SecretStr("")
    timeout: Duration = timedelta(seconds=5)


class DockerEngine(Section):
    """The Docker engine that runs components; asked only if one names a container."""

    url: Annotated[Address, Field(pattern=r"^(unix:///|tcp://)")] = "unix:///var/run/docker.sock"
    timeout: Duration = timedelta(seconds=5)


class Database(Section):
    """A Postgres of the estate's own, asked as the limited role that `selfheal estate-sql` prints."""

    url: Annotated[Address, Field(pattern=r"^postgresql://")]
    username: str = "selfheal_estate"
    password: SecretStr = SecretStr("")
    timeout: Duration = timedelta(seconds=5)

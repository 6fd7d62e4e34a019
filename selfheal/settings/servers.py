"""The servers that Selfheal itself needs, and those that the estate's components run on."""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from selfheal.settings.values import WITHOUT_LOGIN, Broker, Duration, Port, Section
from selfheal.settings.wording import Wrong

_POSTGRES = r"^(postgresql://[^/?#\s]+(/[a-z_][a-z0-9_]{0,62})?(\?sslmode=[a-z-]+)?)?$"


class OwnServer(Section):
    """A server that Selfheal needs: embedded, or one that runs already, by its url."""

    port: Port = 0
    """Where it listens on loopback; 0 picks a free port at first start and keeps it. Not together with `url`."""
    url: str = ""

    @property
    def outside(self) -> bool:
        """Whether it is somebody else's to start, to restart and to stop."""
        return bool(self.url)

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        """A port says where to start one, a url that none is started."""
        if self.url and "port" in self.model_fields_set:
            raise Wrong("port", "and url exclude each other: with a url no server is started")
        return self


class PostgresServer(OwnServer):
    """Where Selfheal keeps its records: embedded, or Postgres 15 or newer by its url."""

    url: Annotated[str, Field(pattern=_POSTGRES), WITHOUT_LOGIN] = ""
    """A server that runs already, like `postgresql://db.example:5432/selfheal`: none is started."""
    username: str = ""
    """With `url`: a role that may create roles and databases; empty: `examples/postgres.sql` has made them."""
    password: SecretStr = SecretStr("")
    """Of `username`."""
    migrator_password: SecretStr = SecretStr("")
    """With `url`: of the role selfheal_migrator; empty where `username` is to make it."""
    healer_password: SecretStr = SecretStr("")
    """With `url`: of the role healing_user; empty where `username` is to make it."""
    api_password: SecretStr = SecretStr("")
    """With `url`: of the role selfheal_api, which the web server is; empty where `username` is to make it."""
    prefect_password: SecretStr = SecretStr("")
    """With `url`, for an embedded Prefect server: of the role selfheal_prefect; empty where `username` makes it."""


class NatsServer(OwnServer):
    """Selfheal's own message broker: embedded, or a NATS server with JetStream by its url."""

    url: Broker = ""
    """A server that runs already, like `nats://broker.example:4222`: none is started."""
    username: str = ""
    """With `url`: whom the server lets in."""
    password: SecretStr = SecretStr("")
    """Of `username`."""


class PrefectServer(OwnServer):
    """The Prefect server: embedded, or one that runs already by the url of its API."""

    port: Port = 4200
    """Where it listens, and where the Prefect UI is found; 0 picks a free port at first start and keeps it."""
    url: Annotated[str, Field(pattern=r"^(https?://\S+)?$"), WITHOUT_LOGIN] = ""
    """The API of a server that runs already, like `http://prefect.example:4200/api`: none is started."""
    auth_string: SecretStr = SecretStr("")
    """With `url`: USER:PASSWORD, where the server asks for it."""
    worker: Literal["prefork", "process"] = "prefork"
    """How flow runs begin: `prefork` forks them from a process that has imported everything, on Linux, and at once;
    `process` is Prefect's own worker, which starts Python anew for each."""
    keep: Annotated[Duration, Field(gt=timedelta(hours=1))] = timedelta(days=14)
    """Without `url`: Prefect's server forgets its own runs, logs and events when they are older."""

    @model_validator(mode="after")
    def _api_and_secret(self) -> Self:
        """The url is that of the API; the embedded server listens on loopback only and asks nobody."""
        if self.url and not self.url.endswith("/api"):
            raise Wrong(
                "url", f"is that of the API and ends with /api, like http://HOST:4200/api (given: {self.url!r})"
            )
        if self.auth_string.get_secret_value() and not self.url:
            raise Wrong("auth_string", "belongs to url: the embedded server asks for none")
        return self


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

"""One component of the estate: how it is observed, who runs it, what depends on it, how it may be healed."""

from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, SecretStr, model_validator

from selfheal.model.component import LONGEST_CALL, CacheCall, Component, ProbeKind
from selfheal.settings.values import PLAIN, Address, ComponentName, Duration, ObjectName, Section
from selfheal.settings.wording import Wrong

ENGINE = "docker"
"""What components call the one Docker engine of the settings."""

_SCHEMES = {
    ProbeKind.HTTP: ("http://", "https://"),
    ProbeKind.NATS: ("nats://",),
}
_SQL = (ProbeKind.SQL, ProbeKind.SQL_OBJECT)


Settable = Literal[
    ProbeKind.HTTP, ProbeKind.NATS, ProbeKind.PROCESS, ProbeKind.CONTAINER, ProbeKind.SQL, ProbeKind.SQL_OBJECT
]
"""The probes that a component may have; workflows are found in the request file."""
_NEEDS: dict[ProbeKind, list[str]] = {
    ProbeKind.HTTP: ["url"],
    ProbeKind.NATS: ["url"],
    ProbeKind.PROCESS: ["supervisor", "program"],
    ProbeKind.CONTAINER: ["container"],
    ProbeKind.SQL: ["database"],
    ProbeKind.SQL_OBJECT: ["database", "object"],
}
"""What each probe asks for, for editors; `_complete` says it in words."""


def _rules() -> dict[str, Any]:
    """What belongs together, in JSON Schema."""
    probes = [
        {"if": {"properties": {"probe": {"const": kind.value}}}, "then": {"required": needed}}
        for kind, needed in _NEEDS.items()
    ]
    return {
        "allOf": [*probes, {"not": {"required": ["container", "program"]}}],
        "dependentRequired": {"supervisor": ["program"], "program": ["supervisor"]},
    }


class CacheSettings(Section):
    """How a component's caches are cleared: one HTTP call, or one NATS message."""

    url: Address
    """`http://` or `https://` for a call; `nats://` for a message."""
    method: Literal["POST", "PUT", "DELETE"] = "POST"
    """Of the call."""
    subject: Annotated[str, Field(pattern=r"^([A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*)?$", max_length=200)] = ""
    """Of the message."""
    body: Annotated[str, Field(max_length=4096), PLAIN] = ""
    """Of the call or the message."""
    token: SecretStr = SecretStr("")
    """Sent with the call as a bearer token; never shown."""
    username: str = ""
    """For the broker."""
    password: SecretStr = SecretStr("")
    """The same; never shown."""
    timeout: Duration = timedelta(seconds=5)
    """It has failed when it takes longer; at most 60 s."""

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        """A message has a broker and a subject, a call has neither."""
        if not self.url.startswith(("http://", "https://", "nats://")):
            raise Wrong("url", "must begin with http://, https:// or nats://")
        if self.url.startswith("nats://") != bool(self.subject):
            raise Wrong("subject", "belongs to a url that begins with nats://, which needs one")
        if self.timeout > LONGEST_CALL:
            raise Wrong("timeout", "must be at most 60 s")
        if self.subject and self.token.get_secret_value():
            raise Wrong("token", "belongs to an HTTP call; a broker takes username and password")
        return self

    def call(self) -> CacheCall:
        """The same as the domain knows it."""
        return CacheCall(
            url=self.url,
            method=self.method,
            subject=self.subject,
            body=self.body,
            token=self.token.get_secret_value(),
            credentials=(self.username, self.password.get_secret_value()) if self.username else None,
            timeout=self.timeout,
        )


class ComponentSettings(Section):
    """One component of the estate."""

    model_config = ConfigDict(json_schema_extra=_rules())

    probe: Settable
    """How its health is observed."""
    url: Address = ""
    """What the probe `http` or `nats` asks: `http://`, `https://` or `nats://`."""
    username: str = ""
    """For the probe, where it has to log in."""
    password: SecretStr = SecretStr("")
    """The same; never shown."""
    supervisor: str = ""
    """The supervisor that runs it: one of the supervisors."""
    program: Annotated[str, Field(pattern=r"^([A-Za-z0-9_.-]{1,100}(:[A-Za-z0-9_.-]{1,100})?)?$")] = ""
    """Its name in that supervisor, `group:name` where it is not a group of its own."""
    container: Annotated[str, Field(pattern=r"^([a-zA-Z0-9][a-zA-Z0-9_.-]{0,127})?$")] = ""
    """Its name in Docker, where a container runs it."""
    database: str = ""
    """What the probe `sql` or `sql-object` asks: one of the databases."""
    object: ObjectName | Literal[""] = ""
    """What the probe `sql-object` looks for, as `schema.name`."""
    migration: str = ""
    """The entry of the catalogue that creates the object: one of the migrations."""
    group: Annotated[str, Field(pattern=r"^[a-z0-9_.-]{0,50}$")] = ""
    """What it belongs to, for a person: replicas, or what fails together. Shown by `selfheal status`."""
    depends_on: frozenset[ComponentName] = frozenset()
    """Components that must be healthy for this one to be. They are checked, and shown by `selfheal status`;
    each component is healed by itself all the same."""
    restarts: bool = False
    """Its supervisord restarts it by itself (`autorestart`), which that does not tell: an end is left to it for
    `watching.platform_grace` first, then healed if that has not helped."""
    critical: bool = False
    """Whether its triggers have the priority CRITICAL whatever their kind; a container's and a broker's always have."""
    ladder: tuple[str, ...] = ()
    """The actions to try, the first one that fits first. Empty: it is only observed."""
    clear_caches: CacheSettings | None = None
    """What the action `clear-caches` sends, and nothing else, like `{ url = "http://127.0.0.1:4000/caches" }` for a
    POST, or `{ url = "nats://127.0.0.1:4222", subject = "backend.caches.clear" }`. It takes `url`, `method` (POST, PUT,
    DELETE), `subject`, `body`, `token`, `username`, `password`, `timeout`."""
    probe_timeout: Duration = timedelta(seconds=2)
    """A probe that takes longer has failed."""
    start_timeout: Duration = timedelta(seconds=60)
    """It may take this long to become healthy after a heal."""
    healthy_delay: Duration = timedelta(seconds=5)
    """It must still be healthy this long after it first was; only then it is healed."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        """A probe needs what it asks; a program needs its supervisor; a component has one keeper."""
        self._asks()
        if bool(self.supervisor) != bool(self.program):
            missing = "program" if self.supervisor else "supervisor"
            raise Wrong(missing, "is missing: supervisor and program belong together")
        if self.probe is ProbeKind.PROCESS and not self.program:
            raise Wrong("program", 'is missing: probe = "process" needs supervisor and program')
        if self.probe is ProbeKind.CONTAINER and not self.container:
            raise Wrong("container", 'is missing: probe = "container" needs the name of a Docker container')
        if self.container and self.program:
            raise Wrong("container", "and program exclude each other: one thing runs the component")
        return self

    def _asks(self) -> None:
        """What the probe asks is there, and nothing that no probe would ask."""
        schemes = _SCHEMES.get(self.probe, ("",))
        if not self.url.startswith(schemes):
            raise Wrong("url", f'must begin with {schemes[0]} for probe = "{self.probe}" (given: {self.url!r})')
        if self.probe in _SQL and not self.database:
            raise Wrong("database", f'is missing: probe = "{self.probe}" needs one of the databases')
        if self.database and self.probe not in _SQL:
            raise Wrong("database", f'means nothing for probe = "{self.probe}"')
        if (self.probe is ProbeKind.SQL_OBJECT) != bool(self.object):
            raise Wrong("object", 'belongs to probe = "sql-object", which needs one, like "wms.stock_levels"')
        if self.migration and not self.object:
            raise Wrong("migration", 'belongs to probe = "sql-object"')
        if self.object and (self.container or self.program):
            raise Wrong("object", "is in a database; describe the process that runs the database as its own component")

    def component(self, name: str) -> Component:
        """The component as the domain knows it, with its canonical target."""
        return Component(
            name=name,
            target=self._target()[:200],  # as wide as its columns
            probe=self.probe,
            url=self.url,
            credentials=(self.username, self.password.get_secret_value()) if self.username else None,
            supervisor=self.supervisor,
            program=self.program,
            docker=ENGINE if self.container else "",
            container=self.container,
            database=self.database,
            object=self.object,
            migration=self.migration,
            group=self.group,
            depends_on=self.depends_on,
            restarts=self.restarts,
            critical=self.critical,
            ladder=self.ladder,
            clear_caches=None if self.clear_caches is None else self.clear_caches.call(),
            probe_timeout=self.probe_timeout,
            start_timeout=self.start_timeout,
            healthy_delay=self.healthy_delay,
        )

    def _target(self) -> str:
        """The physical thing, whatever the component's name and probe."""
        if self.container:
            return f"docker/{self.container}"
        if self.program:
            return f"supervisor/{self.supervisor}/{self.program}"
        if self.database:
            return f"database/{self.database}/{self.object}".removesuffix("/")
        return f"{self.probe}/{self.url}"

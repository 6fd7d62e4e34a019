"""One component of the estate: how it is observed, who runs it, what depends on it, how it may be healed."""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from selfheal.model.component import Component, ProbeKind
from selfheal.settings.values import Address, ComponentName, Duration, ObjectName, Section
from selfheal.settings.wording import Wrong

ENGINE = "docker"
"""What components call the one Docker engine of the settings."""

_SCHEMES = {
    ProbeKind.HTTP: ("http://", "https://"),
    ProbeKind.NATS: ("nats://",),
}
_SQL = (ProbeKind.SQL, ProbeKind.SQL_OBJECT)


class ComponentSettings(Section):
    """One component of the estate."""

    probe: ProbeKind
    url: Address = ""
    username: str = ""
    password: SecretStr = SecretStr("")
    supervisor: str = ""
    program: Annotated[str, Field(pattern=r"^([A-Za-z0-9_.-]{1,100})?$")] = ""
    container: Annotated[str, Field(pattern=r"^([a-zA-Z0-9][a-zA-Z0-9_.-]{0,127})?$")] = ""
    database: str = ""
    object: ObjectName | Literal[""] = ""
    migration: str = ""
    group: Annotated[str, Field(pattern=r"^[a-z0-9_.-]{0,50}$")] = ""
    depends_on: frozenset[ComponentName] = frozenset()
    critical: bool = False
    ladder: tuple[str, ...] = ()
    probe_timeout: Duration = timedelta(seconds=2)
    start_timeout: Duration = timedelta(seconds=60)
    healthy_delay: Duration = timedelta(seconds=5)

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
            critical=self.critical,
            ladder=self.ladder,
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

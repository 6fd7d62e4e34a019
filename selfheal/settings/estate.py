"""The whole of an operator's settings. Every number has the default of the requirements."""

from collections.abc import Collection, Mapping
from datetime import timedelta
from graphlib import CycleError, TopologicalSorter
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from selfheal.model.component import Component
from selfheal.policy.names import nearest
from selfheal.settings.component import ComponentSettings
from selfheal.settings.servers import Database, DockerEngine, EmbeddedServer, PrefectServer, Supervisor
from selfheal.settings.values import ComponentName, Duration, Lease, ObjectName, Section, Turn
from selfheal.settings.wording import Wrong


class Healing(Section):
    """How heals are admitted and carried out."""

    allow: frozenset[str] = frozenset()  # names of components; empty: everything is observed, nothing is healed
    lease: Lease = timedelta(seconds=60)
    cooldown: Duration = timedelta(minutes=10)
    flap: Duration = timedelta(minutes=10)
    at_once: Annotated[int, Field(ge=1, le=64)] = 4


class Watching(Section):
    """How the estate is watched."""

    sweep: Turn = timedelta(seconds=5)
    strikes: Annotated[int, Field(ge=1, le=100)] = 3
    recoveries: Annotated[int, Field(ge=1, le=100)] = 2
    reconcile: Turn = timedelta(seconds=30)
    platform_grace: Duration = timedelta(seconds=10)  # Docker restarts it by itself: act only if that has not helped


class ActionSettings(Section):
    """How far one action may go: observe and shadow never act, approve asks a person, auto acts."""

    mode: Literal["observe", "shadow", "approve", "auto"]


class Migration(Section):
    """One entry of the catalogue of allow-listed SQL: `apply-migration` runs these and nothing else."""

    database: str
    creates: ObjectName
    sql: Annotated[str, Field(min_length=1, max_length=64 * 1024)]
    parameters: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,30}$")], str | int] = Field(default_factory=dict)
    timeout: Duration = timedelta(seconds=60)


class Settings(Section):
    """The whole file."""

    estate: Annotated[str, Field(pattern=r"^[a-z0-9_.-]{1,30}$")] = "estate"
    run_as: str = "nobody"  # the servers' user when started by root
    healing: Healing = Healing()
    watching: Watching = Watching()
    postgres: EmbeddedServer = EmbeddedServer()
    nats: EmbeddedServer = EmbeddedServer()
    prefect: PrefectServer = PrefectServer()
    docker: DockerEngine = DockerEngine()
    supervisors: dict[ComponentName, Supervisor] = Field(default_factory=dict)
    databases: dict[ComponentName, Database] = Field(default_factory=dict)
    migrations: dict[ComponentName, Migration] = Field(default_factory=dict)
    actions: dict[str, ActionSettings] = Field(default_factory=dict)
    components: dict[ComponentName, ComponentSettings] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _refers(self) -> Self:
        """What one table names in another exists there."""
        for name, component in self.components.items():
            place = f"components.{name}"
            _known(f"{place}.supervisor", component.supervisor, self.supervisors, "supervisor")
            _known(f"{place}.database", component.database, self.databases, "database")
            _known(f"{place}.migration", component.migration, self.migrations, "migration")
            self._same_object(name, component)
            for parent in sorted(component.depends_on):
                _known(f"{place}.depends_on", parent, self.components, "component")
        for name, migration in self.migrations.items():
            _known(f"migrations.{name}.database", migration.database, self.databases, "database")
        _apart("supervisors", {name: one.url for name, one in self.supervisors.items()})
        _apart("databases", {name: one.url for name, one in self.databases.items()})
        for name in sorted(self.healing.allow):
            _known("healing.allow", name, self.components, "component")
        self._no_circle()
        return self

    def _same_object(self, name: str, component: ComponentSettings) -> None:
        """A component's migration makes the object that the component watches."""
        migration = self.migrations.get(component.migration)
        if migration and (migration.database, migration.creates) != (component.database, component.object):
            made = f"{migration.creates} in {migration.database}"
            raise Wrong(f"components.{name}.migration", f"{component.migration!r} creates {made}, not its object")

    def _no_circle(self) -> None:
        """Roots are healed first, so there must be some."""
        try:
            tuple(TopologicalSorter({name: one.depends_on for name, one in self.components.items()}).static_order())
        except CycleError as error:
            circle = " -> ".join(error.args[1])
            raise Wrong(f"components.{error.args[1][0]}.depends_on", f"goes in a circle: {circle}") from None

    def catalogue(self) -> dict[str, Component]:
        """The components as the domain knows them, by name."""
        return {name: one.component(name) for name, one in self.components.items()}


def _known(setting: str, name: str, names: Collection[str], kind: str) -> None:
    """The name is empty, or one of these."""
    if name and name not in names:
        raise Wrong(setting, f"no {kind} is named {name!r}{nearest(name, names)}")


def _apart(table: str, urls: Mapping[str, str]) -> None:
    """No two have one address: one thing would have two targets, and be healed twice at once."""
    for name, url in urls.items():
        if list(urls.values()).count(url) > 1:
            raise Wrong(f"{table}.{name}.url", f"another of the {table} has the same url")

"""The whole of an operator's settings. Every number has the default of the requirements."""

from collections.abc import Collection, Mapping
from datetime import timedelta
from graphlib import CycleError, TopologicalSorter
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from selfheal.model.admission import Costs, Limits
from selfheal.model.breaker_rules import Cause, Rules, Scope
from selfheal.model.component import Component
from selfheal.model.errors import Permanent
from selfheal.model.migration import Migration
from selfheal.model.mode import Standards
from selfheal.model.trigger import Priority
from selfheal.policy.breaker_names import checked
from selfheal.policy.names import nearest
from selfheal.policy.parameters import cut
from selfheal.settings.breakers import AgentBreakers, Breakers, OnOpening
from selfheal.settings.component import ComponentSettings
from selfheal.settings.logs import Logging
from selfheal.settings.servers import (
    Database,
    DockerEngine,
    NatsServer,
    PostgresServer,
    PrefectServer,
    Supervisor,
)
from selfheal.settings.values import PLAIN, Address, ComponentName, Duration, Lease, ObjectName, Section, Turn
from selfheal.settings.wording import Wrong


class Healing(Section):
    """How heals are admitted and carried out."""

    allow: frozenset[str] = frozenset()
    """Names of the components that may be healed. Empty: everything is observed, nothing is healed."""
    lease: Lease = timedelta(seconds=60)
    """How long an attempt belongs to its process without being renewed, from 1 s to 10 min; then
    another one settles it."""
    cooldown: Duration = timedelta(minutes=10)
    """After a failed attempt the same action leaves the same target alone for so long; doubled each time."""
    flap: Duration = timedelta(minutes=10)
    """A second heal of the same target within this time also begins a cool-down."""
    attempts_per_action: Annotated[int, Field(ge=1, le=100)] = 3
    """So many attempts of one action on one target within 24 h that failed, or did not hold; then the next rung."""
    attempts_per_fault: Annotated[int, Field(ge=1, le=100)] = 5
    """So many attempts on one fault within 24 h; then a person must look."""
    at_once: Annotated[int, Field(ge=1, le=64)] = 3
    """So many heals are under way at the same time; a CRITICAL one has one more place."""
    in_10_minutes: Annotated[int, Field(ge=1, le=10_000)] = 10
    """So many heals begin within `short_window` (10 minutes), over the whole estate."""
    in_an_hour: Annotated[int, Field(ge=1, le=100_000)] = 30
    """So many heals begin within `long_window` (an hour), over the whole estate."""
    short_window: Duration = timedelta(minutes=10)
    """In this time `in_10_minutes` are counted."""
    long_window: Duration = timedelta(hours=1)
    """In this time `in_an_hour` are counted."""
    group_share: Annotated[float, Field(gt=0, le=1)] = 0.2
    """Of a group of `group_from` components or more, at most this share is being healed at the same time."""
    group_from: Annotated[int, Field(ge=1)] = 10
    """See `group_share`."""
    storm_group: Annotated[int, Field(ge=0)] = 5
    """So many sick components, and more than half of their group, are a storm: new heals wait. 0: never."""
    storm_estate: Annotated[int, Field(ge=0)] = 10
    """So many sick components over the estate are a storm: new heals wait. 0: never."""
    storm_within: Duration = timedelta(minutes=5)
    """They became sick within this time."""
    storm_quiet: Duration = timedelta(minutes=10)
    """A storm ends after so long without a new fault, or when a person lets heals begin again."""
    stale: Duration = timedelta(seconds=60)
    """What was looked at longer ago is looked at again before anything is done."""
    approval: Duration = timedelta(hours=1)
    """A person who is asked (mode approve) has so long to answer; then the question expires."""

    def limits(self) -> Limits:
        """What admission never exceeds."""
        return Limits(
            lease=self.lease,
            cooldown=self.cooldown,
            flap=self.flap,
            per_action=self.attempts_per_action,
            per_fault=self.attempts_per_fault,
            at_once=self.at_once,
            in_10_min=self.in_10_minutes,
            in_hour=self.in_an_hour,
            group_share=self.group_share,
            group_from=self.group_from,
            storm_group=self.storm_group,
            storm_estate=self.storm_estate,
            storm_within=self.storm_within,
            storm_quiet=self.storm_quiet,
            stale=self.stale,
            short_window=self.short_window,
            long_window=self.long_window,
            approval=self.approval,
        )


class Starts(Section):
    """A heal begins within this time after its fault was seen; else that is counted, and a person is told once."""

    critical: Duration = timedelta(minutes=1)
    """A container or the broker is down, or what an operator calls critical."""
    high: Duration = timedelta(minutes=5)
    """Another service is down."""
    medium: Duration = timedelta(minutes=30)
    """Errors in a log, a file that cannot be read."""
    low: Duration = timedelta(hours=4)
    """Orphans, retention."""

    def within(self) -> dict[Priority, timedelta]:
        """The same by priority."""
        return {
            Priority.CRITICAL: self.critical,
            Priority.HIGH: self.high,
            Priority.MEDIUM: self.medium,
            Priority.LOW: self.low,
        }


class Promotion(Section):
    """When results speak for more freedom of an action, which is proposed, or for less, which is done."""

    lower_bound: Annotated[float, Field(ge=0, lt=1)] = 0.8
    """One step up is proposed when the 95 % lower bound of an action's success rate is above this."""
    fewest: Annotated[int, Field(ge=1, le=1000)] = 10
    """Neither is done on fewer results; a demotion goes by so many, the newest."""
    demote_below: Annotated[float, Field(ge=0, le=1)] = 0.5
    """An action in mode auto asks a person (approve) when the success rate of these is below this."""

    def standards(self) -> Standards:
        """The same for the domain."""
        return Standards(**dict(self))


class Costing(Section):
    """What things cost, in dollars: what `selfheal rates` reckons with. Each attempt keeps the figures of its time."""

    minute: Annotated[float, Field(ge=0, le=100_000)] = 5.0
    """A minute of a person: restarting a container by hand takes 10 and costs 50 dollars."""
    failure: Annotated[float, Field(ge=0, le=10_000_000)] = 215.0
    """A failure: saved where a breaker prevented one, spent where a heal did harm."""

    def costs(self) -> Costs:
        """The same for the domain."""
        return Costs(**dict(self))


class Alerts(Section):
    """How a person is told."""

    webhook: Address = ""
    """Alerts are posted here as JSON, until it answers with 2xx; empty: they wait in the database."""
    token: SecretStr = SecretStr("")
    """Sent to the webhook as a bearer token."""
    timeout: Duration = timedelta(seconds=5)
    """For each step of a delivery."""

    @model_validator(mode="after")
    def _is_http(self) -> Self:
        """Nothing else takes a POST."""
        if self.webhook and not self.webhook.startswith(("http://", "https://")):
            raise Wrong("webhook", "must begin with https:// or http://")
        return self


class Watching(Section):
    """How the estate is watched."""

    sweep: Turn = timedelta(seconds=5)
    """Every component is looked at this often, from 500 ms to 1 h."""
    strikes: Annotated[int, Field(ge=1, le=100)] = 3
    """So many sick looks in a row make a component DOWN. An end and Docker's `unhealthy` are certain at once."""
    recoveries: Annotated[int, Field(ge=1, le=100)] = 2
    """So many healthy looks in a row make it OPERATIONAL again."""
    reconcile: Turn = timedelta(seconds=30)
    """What a dead or frozen healer left behind is settled this often, from 500 ms to 1 h."""
    platform_grace: Duration = timedelta(seconds=10)
    """What Docker restarts by itself is left to Docker for so long, then healed if that has not helped."""


class ActionSettings(Section):
    """How far one action may go: observe and shadow never act, approve asks a person, auto acts."""

    mode: Literal["observe", "shadow", "approve", "auto"]
    """How far it may go: observe and shadow never act, approve asks a person, auto acts."""


class MigrationSettings(Section):
    """One entry of the catalogue of allow-listed SQL: `apply-migration` runs these and nothing else."""

    database: str
    """One of the databases."""
    creates: ObjectName
    """The table, view or materialized view that the SQL creates, like `wms.stock_levels`."""
    sql: Annotated[str, Field(min_length=1, max_length=64 * 1024), PLAIN]
    """What is run, in one transaction. Every name in it has its schema."""
    parameters: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,30}$")], Annotated[str, PLAIN] | int] = Field(
        default_factory=dict
    )
    """Values by name. The SQL writes `:'name'` for a value and `:"name"` for a name; the database quotes them."""
    timeout: Duration = timedelta(seconds=60)
    """The SQL may run this long."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        """Its SQL uses its parameters, all of them and no others."""
        try:
            cut(self.sql, self.parameters)
        except ValueError as error:
            raise Wrong("sql", str(error)) from None
        return self

    def migration(self, name: str) -> Migration:
        """The entry as the domain knows it."""
        return Migration(
            name=name,
            database=self.database,
            creates=self.creates,
            parts=cut(self.sql, self.parameters),
            timeout=self.timeout,
        )


class Settings(Section):
    """The whole file."""

    estate: Annotated[str, Field(pattern=r"^[a-z0-9_.-]{1,30}$")] = "estate"
    """What this estate is called."""
    run_as: str = "nobody"
    """The user of the embedded servers when root starts them."""
    healing: Healing = Healing()
    """What may be healed, and how carefully."""
    starts: Starts = Starts()
    """How soon a heal begins."""
    breakers: Breakers = Breakers()
    """The breakers of the actions, `heal:ACTION`: an action that keeps failing, on whatever target, is left alone for a
    while."""
    agent_breakers: AgentBreakers = AgentBreakers()
    """The breakers of the agents, `agent:NAME` or `agent:TENANT/NAME`: an agent whose workflows keep failing gets none
    for a while."""
    on_opening: dict[str, OnOpening] = Field(default_factory=dict)
    """What is healed when a breaker trips. NAME is a breaker's, or `heal:*` or `agent:*` for all that have no table of
    their own, in quotes: `[on_opening."agent:*"]`."""
    promotion: Promotion = Promotion()
    """When an action may be let go further, and when it must not."""
    costs: Costing = Costing()
    """What things cost, for the report of what was saved."""
    alerts: Alerts = Alerts()
    """How a person is told."""
    watching: Watching = Watching()
    """How often, and how patiently, the estate is looked at."""
    postgres: PostgresServer = PostgresServer()
    """Where Selfheal keeps its records."""
    nats: NatsServer = NatsServer()
    """Selfheal's own message broker."""
    prefect: PrefectServer = PrefectServer()
    """The Prefect server that Selfheal runs on."""
    logging: Logging = Logging()
    """How our own log lines look."""
    docker: DockerEngine = DockerEngine()
    """The engine whose containers components name."""
    supervisors: dict[ComponentName, Supervisor] = Field(default_factory=dict)
    """The supervisords whose programs components name, each a table of its own."""
    databases: dict[ComponentName, Database] = Field(default_factory=dict)
    """The estate's own databases, each a table of its own."""
    migrations: dict[ComponentName, MigrationSettings] = Field(default_factory=dict)
    """The catalogue of SQL that may be run, each entry a table of its own."""
    actions: dict[str, ActionSettings] = Field(default_factory=dict)
    """How far one action may go, by the action's name; without its table each has a default of its own."""
    components: dict[ComponentName, ComponentSettings] = Field(default_factory=dict)
    """What is watched, each component a table of its own."""

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
        for breaker, opening in self.on_opening.items():
            _is_breaker(breaker)
            for cause in opening.heal:
                _known(f"on_opening.{breaker}.heal", cause.component, self.components, "component")
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

    def breaker_rules(self) -> Rules:
        """All that is set of breakers, as the domain knows it."""
        return Rules(
            heal=self.breakers.thresholds(),
            agent=self.agent_breakers.thresholds(),
            causes={
                name: tuple(Cause(component=one.component, action=one.action) for one in opening.heal)
                for name, opening in self.on_opening.items()
            },
        )

    def allowed_sql(self) -> dict[str, Migration]:
        """The catalogue of migrations as the domain knows it, by name."""
        return {name: one.migration(name) for name, one in self.migrations.items()}


def _known(setting: str, name: str, names: Collection[str], kind: str) -> None:
    """The name is empty, or one of these."""
    if name and name not in names:
        raise Wrong(setting, f"no {kind} is named {name!r}{nearest(name, names)}")


def _is_breaker(name: str) -> None:
    """The name is one of a breaker, or means all of a scope."""
    try:
        if name not in {f"{scope}:*" for scope in Scope}:
            checked(name)
    except Permanent as error:
        raise Wrong(f"on_opening.{name}", f"{error.message}, heal:* or agent:*") from None


def _apart(table: str, urls: Mapping[str, str]) -> None:
    """No two have one address: one thing would have two targets, and be healed twice at once."""
    for name, url in urls.items():
        if list(urls.values()).count(url) > 1:
            raise Wrong(f"{table}.{name}.url", f"another of the {table} has the same url")

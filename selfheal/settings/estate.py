"""The whole of an operator's settings. Every number has the default of the requirements."""

from collections.abc import Collection, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Annotated, Self

from pydantic import Field, model_validator

from selfheal.model.admission import Limits
from selfheal.model.breaker_rules import Cause, Rules, Scope
from selfheal.model.errors import Permanent
from selfheal.model.migration import Migration
from selfheal.policy.breaker_names import checked
from selfheal.policy.catalogue import (
    ALLOWED_AS,
    DELIVERABLES,
    HOST,
    REQUEST_FILE,
    Catalogue,
    deliverables_component,
    file_component,
    host_component,
)
from selfheal.policy.names import nearest
from selfheal.settings.actions import ActionSettings, Costing, MigrationSettings, Promotion
from selfheal.settings.agent_health import AgentHealth
from selfheal.settings.alerts import Alerts
from selfheal.settings.breakers import AgentBreakers, Breakers, OnOpening
from selfheal.settings.component import ComponentSettings
from selfheal.settings.healing import Healing, Starts, Watching
from selfheal.settings.heartbeat import Heartbeat
from selfheal.settings.intake import Intake
from selfheal.settings.log_monitor import LogMonitor
from selfheal.settings.logs import Logging
from selfheal.settings.prediction import Predicting
from selfheal.settings.retention import RetentionSettings
from selfheal.settings.servers import (
    Database,
    DockerEngine,
    NatsServer,
    PostgresServer,
    PrefectServer,
    Supervisor,
)
from selfheal.settings.values import ComponentName, Section
from selfheal.settings.web import PersonTokens, Web
from selfheal.settings.wording import Wrong
from selfheal.settings.workflows import Workflows

INVESTIGATE = "investigate"


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
    intake: Intake = Intake()
    """Alerts of other systems, which suggest heals."""
    heartbeat: Heartbeat = Heartbeat()
    """The dead-man heartbeat, to an outside watch that notices when we are silent."""
    watching: Watching = Watching()
    """How often, and how patiently, the estate is looked at."""
    agent_health: AgentHealth = AgentHealth()
    """How the host is looked at that the mechanisms run on, and where that is published."""
    prediction: Predicting = Predicting()
    """What is foretold, and what may be done before anything is sick."""
    retention: RetentionSettings = RetentionSettings()
    """How long what was measured is kept."""
    postgres: PostgresServer = PostgresServer()
    """Where Selfheal keeps its records."""
    nats: NatsServer = NatsServer()
    """Selfheal's own message broker."""
    prefect: PrefectServer = PrefectServer()
    """The Prefect server that Selfheal runs on."""
    web: Web = Web()
    """The dashboard and the API."""
    tokens: PersonTokens = PersonTokens()
    """How long the tokens live that persons are known by."""
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
    workflows: Workflows = Workflows()
    """The workflows of an agent platform: how they are started, watched and put back on track."""
    log_monitor: LogMonitor = LogMonitor()
    """The logs that are followed, and what is looked for in them."""
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
        self._allows()
        self.log_monitor.check(self.components)
        for service in self.workflows.host_services:
            _known("workflows.host_services", service, self.components, "component")
        for number, rule in enumerate(self.workflows.escalated):
            _known(f"workflows.escalated.{number}.component", rule.component or "", self.components, "component")
        for breaker, opening in self.on_opening.items():
            _is_breaker(breaker)
            for cause in opening.heal:
                _known(f"on_opening.{breaker}.heal", cause.component, self.components, "component")
        self._no_circle()
        return self

    def _allows(self) -> None:
        """What may be healed exists, and its names mean one thing."""
        for name in sorted(self.healing.allow):
            _known("healing.allow", name, {*self.components, ALLOWED_AS, REQUEST_FILE, DELIVERABLES, HOST}, "component")
        for name, what in (
            (ALLOWED_AS, "all workflows"),
            (REQUEST_FILE, "the request file"),
            (DELIVERABLES, "all deliverables"),
            (HOST, "the host itself"),
        ):
            if name in self.components:
                raise Wrong(f"components.{name}", f"is what healing.allow calls {what}; name it otherwise")

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

    def catalogue(self) -> Catalogue:
        """The components as the domain knows them, by name, with the request file if there is one.

        The workflows are found by theirs, and the deliverables by one for all of them; those are not listed.
        """
        components = {name: one.component(name) for name, one in self.components.items()}
        host = host_component(self.agent_health.host, self.agent_health.ladder)
        if not self.workflows.request_file:
            return Catalogue(components, timeout=None, derived={HOST: host})
        components[REQUEST_FILE] = file_component(self.workflows.request_file)
        delivered = deliverables_component(self.workflows.url, timeout=self.workflows.timeout)
        return Catalogue(components, timeout=self.workflows.timeout, derived={DELIVERABLES: delivered, HOST: host})

    def limits(self) -> Limits:
        """What admission never exceeds."""
        return self.prediction.preempt.limits(self.healing.limits())

    @property
    def investigated(self) -> frozenset[str]:
        """The components that are looked into also after what a person is told of."""
        return frozenset(name for name, one in self.components.items() if INVESTIGATE in one.ladder)

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

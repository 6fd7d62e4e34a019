"""The table of all actions: shipped ones and those of third parties.

Bootstrap builds it with `build`; admission asks it which action fits a trigger. A third party offers an
action as an entry point of the group `selfheal.actions`, named like the action, which is called with the
`Toolbox`; it is loaded only when its name is asked for, and one that is broken says so under its name and
leaves the others alone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points

from selfheal.actions.apply_migration import ApplyMigration
from selfheal.actions.clear_caches import ClearCaches
from selfheal.actions.collect_garbage import CollectGarbage
from selfheal.actions.install_packages import InstallPackages
from selfheal.actions.investigate import Investigate
from selfheal.actions.prune_deliverables import PruneDeliverables
from selfheal.actions.recover_workflow import BlockWorkflow, RetryWorkflow, Workflows
from selfheal.actions.restart_container import RestartContainer
from selfheal.actions.restart_database import RestartDatabase
from selfheal.actions.restart_service import RestartService
from selfheal.actions.restore_nats_connection import RestoreNatsConnection
from selfheal.actions.restore_request_file import RestoreRequestFile
from selfheal.actions.scale import ScaleOut
from selfheal.actions.verify_mount import VerifyMount
from selfheal.model.component import Component
from selfheal.model.errors import Permanent
from selfheal.model.migration import Migration
from selfheal.model.mode import ActionMode
from selfheal.model.trigger import Trigger
from selfheal.policy.names import nearest
from selfheal.ports import (
    Action,
    BrokerClient,
    Clock,
    ContainerControl,
    ContainerInside,
    EstateDatabase,
    HostPaths,
    HttpClient,
    KeptFile,
    LocalProcesses,
    Observe,
    OrphanedDeliverables,
    PrunedCopies,
    ReplicaSets,
    ServiceControl,
)

GROUP = "selfheal.actions"


@dataclass(frozen=True, kw_only=True)
class Toolbox:
    """What actions are built from.

    Attributes:
        controls: the supervisors by name.
        observe: one look at a component.
        broker: asks NATS brokers.
        http: asks and calls URLs.
        clock: time and waiting.
        containers: the Docker engines by name.
        databases: the estate's databases by name.
        migrations: the catalogue of allow-listed SQL by name.
        request_file: of the workflows; None: there are none.
        orphans: the deliverables of requests that nobody knows; None: there are no workflows.
        copies: of what is pruned of them; None as well.
        workflows: what recovers them; None: there are none.
        insides: the inside of the engines' containers, by engine.
        processes: of this machine; None: they are not touched.
        paths: files and mounts of this machine; None: they are not touched.
        replicas: changes numbers of replicas by commands; None: they are not changed.
        sets: the same of containers, by engine.
        modes: how far actions may go that the settings name; the others as far as they say themselves.
        ahead: the same before anything is sick.
    """

    controls: Mapping[str, ServiceControl]
    observe: Observe
    broker: BrokerClient
    http: HttpClient
    clock: Clock
    containers: Mapping[str, ContainerControl] = field(default_factory=dict)
    databases: Mapping[str, EstateDatabase] = field(default_factory=dict)
    migrations: Mapping[str, Migration] = field(default_factory=dict)
    request_file: KeptFile | None = None
    orphans: OrphanedDeliverables | None = None
    copies: PrunedCopies | None = None
    workflows: Workflows | None = None
    insides: Mapping[str, ContainerInside] = field(default_factory=dict)
    processes: LocalProcesses | None = None
    paths: HostPaths | None = None
    replicas: ReplicaSets | None = None
    sets: Mapping[str, ReplicaSets] = field(default_factory=dict)
    modes: Mapping[str, str] = field(default_factory=dict)
    ahead: Mapping[str, str] = field(default_factory=dict)


class Registry:
    """Actions by name.

    Args:
        toolbox: what the actions of third parties are built from.
    """

    def __init__(self, toolbox: Toolbox) -> None:
        self._toolbox = toolbox
        self._actions: dict[str, Action] = {}
        self._plugins: dict[str, EntryPoint] = {}
        self._refused: list[str] = []

    def register(self, action: Action) -> None:
        """Add an action.

        Raises:
            Permanent: its name is taken, or its mode is none.
        """
        self._refuse_duplicate(action.name)
        _refuse_mode(action)
        self._actions[action.name] = action

    def offer(self, plugin: EntryPoint) -> None:
        """Take in a third party's action, not loaded yet; a duplicate is left out and told by `problems`."""
        try:
            self._refuse_duplicate(plugin.name)
        except Permanent as error:
            self._refused.append(f"{plugin.value} is left out: {error}")
        else:
            self._plugins[plugin.name] = plugin

    def names(self) -> list[str]:
        """All names, sorted, without loading anything."""
        return sorted(self._actions.keys() | self._plugins.keys())

    def get(self, name: str) -> Action:
        """The action of that name.

        Raises:
            Permanent: no such name (with the nearest one), or a third party's action that cannot be loaded.
        """
        if name in self._actions:
            return self._actions[name]
        if name in self._plugins:
            action = self._load(self._plugins[name])
            self._actions[name] = action
            return action
        raise Permanent(f"no action is named {name[:100]!r}{nearest(name, self.names())}")

    def mode(self, action: Action) -> str:
        """How far it may go: as the settings say, else as it says itself."""
        return self._toolbox.modes.get(action.name, action.mode)

    def modes(self) -> dict[str, str]:
        """The same of every action that can be loaded, by name."""
        known = (self._actions.get(name) or self._try(name) for name in self.names())
        return {action.name: self.mode(action) for action in known if action}

    def check_modes(self) -> None:
        """Raise `Permanent` where the settings give a mode to an action that does not exist."""
        for table, modes in (("actions", self._toolbox.modes), ("prediction.preempt.actions", self._toolbox.ahead)):
            for name in modes:
                if name not in self.names():
                    raise Permanent(f"{table}.{name}: no action is named {name[:100]!r}{nearest(name, self.names())}")

    def find_actions(self, trigger: Trigger, component: Component) -> list[Action]:
        """The trigger's own action if it names one, else the rungs of the ladder that can handle it, in order.

        Empty where nothing fits. A rung that cannot be loaded is passed over: the next may heal.

        Raises:
            Permanent: the trigger names an action that does not exist, or that does not fit the component.
        """
        if trigger.action:
            action = self.get(trigger.action)
            if not action.can_handle(trigger, component):
                raise Permanent(
                    f"{action.name} does not fit {component.name} (probe {component.probe})",
                    hint=f"its ladder: {', '.join(component.ladder) or 'none'}",
                )
            return [action]
        known = (self._actions.get(name) or self._try(name) for name in component.ladder)
        return [action for action in known if action and action.can_handle(trigger, component)]

    def problems(self) -> list[str]:
        """One sentence per third party's action that is left out or cannot be loaded; for `doctor`."""
        return self._refused + [problem for name in sorted(self._plugins) if (problem := self._problem(name))]

    def _try(self, name: str) -> Action | None:
        try:
            return self.get(name)
        except Permanent:  # told by `problems` and by the check of the settings
            return None

    def _problem(self, name: str) -> str:
        try:
            self.get(name)
        except Permanent as error:
            return str(error)
        return ""

    def _load(self, plugin: EntryPoint) -> Action:
        try:
            action: Action = plugin.load()(self._toolbox)
            found = action.name
        except Exception as error:  # a stranger's code may raise anything; it must not stop the others
            raise Permanent(
                f"action {plugin.name!r} of {plugin.value} cannot be loaded: {type(error).__name__}: {error}",
                hint="repair or uninstall the package that brings it",
            ) from error
        if found != plugin.name:
            raise Permanent(
                f"the entry point {plugin.name!r} of {plugin.value} brings an action named {found!r}",
                hint="give both the same name",
            )
        _refuse_incomplete(action, plugin)
        _refuse_mode(action)
        return action

    def _refuse_duplicate(self, name: str) -> None:
        if name in self._actions or name in self._plugins:
            raise Permanent(
                f"two actions are named {name!r}", hint="rename one, or uninstall the package that brings it"
            )


def _refuse_incomplete(action: Action, plugin: EntryPoint) -> None:
    """A stranger's action says all of itself that people are told, and that bounds it."""
    missing = [word for word in Action.__annotations__ if not hasattr(action, word)]
    if missing:
        raise Permanent(
            f"action {plugin.name!r} of {plugin.value} does not say its {', '.join(missing)}",
            hint="update the package that brings it: CONTRIBUTING.md tells what an action says of itself",
        )


def _refuse_mode(action: Action) -> None:
    """An action with a mode that does not exist never gets into the table."""
    modes = [mode.value for mode in ActionMode]
    if action.mode not in modes:
        raise Permanent(f"action {action.name!r} has an unknown mode {action.mode!r}{nearest(action.mode, modes)}")


def build(tools: Toolbox) -> Registry:
    """The shipped actions and those of installed packages.

    Raises:
        Permanent: the settings give a mode to an action that does not exist.
    """
    registry = Registry(tools)
    service = RestartService(controls=tools.controls, observe=tools.observe, clock=tools.clock)
    container = RestartContainer(containers=tools.containers, observe=tools.observe)
    registry.register(service)
    registry.register(
        RestoreNatsConnection(controls=tools.controls, observe=tools.observe, broker=tools.broker, clock=tools.clock)
    )
    registry.register(container)
    registry.register(ClearCaches(http=tools.http, broker=tools.broker, observe=tools.observe))
    registry.register(RestartDatabase(databases=tools.databases, service=service, container=container))
    registry.register(RetryWorkflow(tools.workflows, observe=tools.observe))
    registry.register(BlockWorkflow(tools.workflows, observe=tools.observe))
    registry.register(ApplyMigration(databases=tools.databases, migrations=tools.migrations, observe=tools.observe))
    registry.register(RestoreRequestFile(file=tools.request_file, observe=tools.observe))
    registry.register(
        PruneDeliverables(orphans=tools.orphans, copies=tools.copies, observe=tools.observe, clock=tools.clock)
    )
    for action in _within(tools, container):
        registry.register(action)
    for plugin in entry_points(group=GROUP):
        registry.offer(plugin)
    registry.check_modes()
    return registry


def _within(tools: Toolbox, container: RestartContainer) -> Iterator[Action]:
    """What acts within containers, processes and file systems."""
    yield VerifyMount(
        containers=tools.containers,
        insides=tools.insides,
        paths=tools.paths,
        container=container,
        observe=tools.observe,
    )
    yield InstallPackages(containers=tools.containers, insides=tools.insides, observe=tools.observe)
    yield CollectGarbage(
        containers=tools.containers,
        insides=tools.insides,
        controls=tools.controls,
        processes=tools.processes,
        http=tools.http,
        broker=tools.broker,
        observe=tools.observe,
        clock=tools.clock,
    )
    yield ScaleOut(commands=tools.replicas, engines=tools.sets, observe=tools.observe, clock=tools.clock)
    yield Investigate(containers=tools.containers, controls=tools.controls, observe=tools.observe, clock=tools.clock)

"""Wires the domain: settings and a database URL in, a ready `Estate` out.

Tasks, flows and the command line get what they need from here and from nowhere else.
"""

import functools
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit
from uuid import UUID

from sqlalchemy import Engine

from selfheal.actions.table import Toolbox, build
from selfheal.clients.clock import SystemClock
from selfheal.clients.docker import Docker
from selfheal.clients.estate_database import EstateDatabase
from selfheal.clients.http import Http
from selfheal.clients.nats import NatsBroker
from selfheal.clients.request_file import RequestFile
from selfheal.clients.supervisor import Supervisor
from selfheal.logs import hide
from selfheal.model.breaker_rules import Scope
from selfheal.model.component import ProbeKind
from selfheal.model.errors import Permanent, SelfhealError
from selfheal.model.trigger import Trigger
from selfheal.model.web_address import WebAddress
from selfheal.policy.breaker_names import FORMS, checked, heal_breaker
from selfheal.policy.places import place_of
from selfheal.ports import Clock, ContainerControl
from selfheal.probes.observe import Observer
from selfheal.probes.table import probe_table
from selfheal.probes.workflow import WorkflowProbe
from selfheal.protocol import own_health
from selfheal.protocol.alerts import Telling
from selfheal.protocol.emergency import Emergency
from selfheal.protocol.heal import Result, Steps
from selfheal.protocol.healer import Healer
from selfheal.protocol.holder import this_process
from selfheal.protocol.host_watch import HostWatch
from selfheal.protocol.keeping import Keeping
from selfheal.protocol.leases import Leases
from selfheal.protocol.reconcile import Settled, reconcile
from selfheal.protocol.recovery import Recovery
from selfheal.protocol.starting import Starting
from selfheal.settings.component import ENGINE
from selfheal.settings.estate import Settings
from selfheal.settings.file import load
from selfheal.settings.secrets import secrets
from selfheal.store.breakers import Breakers
from selfheal.store.engine import open_engine
from selfheal.store.file_changes import FileChangeRows
from selfheal.store.heals import Heals
from selfheal.store.health import HealthHistory
from selfheal.store.intake import Intake
from selfheal.store.mechanisms import Mechanisms
from selfheal.store.modes import Modes
from selfheal.store.outbox import Outbox
from selfheal.store.pruned import PrunedDeliverables
from selfheal.store.raised import RaisedTriggers
from selfheal.store.rates import RateReports
from selfheal.store.reading.faults import Faults
from selfheal.store.reports import Reports
from selfheal.store.retention import Retention
from selfheal.store.runs import MechanismRuns
from selfheal.store.starts import Starts
from selfheal.watch.log_watcher import LogWatcher
from selfheal.watch.watcher import Watcher
from selfheal.watch.world import Pace, World
from selfheal.wiring.alerts import emergency_of, telling_of
from selfheal.wiring.deliverables import orphans_of
from selfheal.wiring.host import hearing_of, host_of
from selfheal.wiring.intake import listening
from selfheal.wiring.logs import log_watcher_of
from selfheal.wiring.starts import keeping_of, starting_of
from selfheal.wiring.within import within
from selfheal.wiring.workflows import WorkflowPorts, ports_of, recovery_of, wire_workflows

_log = logging.getLogger(__name__)
_FRESH, _FRESH_SWEEPS = timedelta(seconds=30), 4
"""A component whose last look is older, and more sweeps ago, is watched no more."""
_RAISED_AT_ONCE = 20
_RAISED_AGAIN = timedelta(minutes=2)  # a heal that waits in its queue is admitted by then


@dataclass(frozen=True, kw_only=True)
class Estate:
    """One estate, wired.

    Attributes:
        settings: as loaded.
        healer: what the protocol of a heal needs.
        observer: one look at one component, or at all.
        health: `health_history` and the hand-over between watchers.
        reports: what people read.
        faults: the same, one fault after the other.
        web: where people find our pages.
        runs: which process carries out each flow run.
        mechanisms: our own, and whether they run.
        breakers: of the actions and agents.
        raised: triggers that breakers, people's words and other systems' alerts have raised.
        intake: those alerts.
        starts: what waits for its heal.
        modes: how far actions may go, as people and demotions have written it.
        rates: the metrics.
        outbox: alerts that wait.
        telling: tells people what waits there.
        emergency: tells people while the database is away.
        containers: the Docker engines by name; empty where no component names a container.
        databases: the estate's own databases by name.
        request_file: of the workflows; None where the settings name none.
        starting: starts workflows; None where there are none.
        keeping: keeps their states; the same.
        retention: forgets what was measured long ago.
        host: looks at the host that we run on.
        engine: the database behind them.
        recovery: puts workflows back on track; None: there are none.
    """

    settings: Settings
    healer: Healer
    observer: Observer
    health: HealthHistory
    reports: Reports
    faults: Faults
    web: WebAddress
    runs: MechanismRuns
    mechanisms: Mechanisms
    breakers: Breakers
    raised: RaisedTriggers
    intake: Intake
    starts: Starts
    modes: Modes
    rates: RateReports
    outbox: Outbox
    telling: Telling
    emergency: Emergency
    containers: Mapping[str, ContainerControl]
    databases: Mapping[str, EstateDatabase]
    request_file: RequestFile | None
    starting: Starting | None
    keeping: Keeping | None
    retention: Retention
    host: HostWatch
    engine: Engine
    recovery: Recovery | None = None

    def close(self) -> None:
        """Let go of the database, after the heals are over."""
        self.healer.leases.close()
        self.engine.dispose()

    def turn(self, steps: Steps) -> Sequence[Settled]:
        """One turn: tell of what is late and of what nobody knows, settle what dead healers left, deliver what is due.

        Raises:
            Transient: the database cannot be asked.
        """
        self.starts.note_missed()
        own_health.look(self.mechanisms)
        self.health.tell_unknown(
            after=self.settings.alerts.unknown_after, fresh=max(_FRESH_SWEEPS * self.settings.watching.sweep, _FRESH)
        )
        self.telling.turn()  # settling may take a minute, and a person is to know of a storm before
        settled = reconcile(self.healer, steps)
        self._settle_file()
        self.modes.review(self.modes_by_settings())
        self.telling.turn()
        return settled

    def _settle_file(self) -> None:
        """Say what became of the changes of the request file that dead processes left; it waits where it cannot be."""
        try:
            settled = self.request_file.settle() if self.request_file else ()
        except SelfhealError as error:
            _log.warning("changes of the request file are not settled yet: %s", error)
            return
        for one in settled:
            _log.warning("a change of the request file was left behind: %s (%s)", one.state, one.note)

    def _note(self, trigger: Trigger) -> bool:
        """Open the fault of a trigger that waits for its turn."""
        healer = self.healer
        place = place_of(healer.components[trigger.component], healer.components, healer.allow)
        return self.starts.note(trigger, place)

    def breaker_name(self, words: str) -> str:
        """The breaker that a person means: `restart-service` is `heal:restart-service`.

        Raises:
            Permanent: it is no name, or there is no such action.
        """
        scope, _, rest = words.rpartition(":")
        if scope == Scope.AGENT:
            return checked(words)
        if scope not in {"", Scope.HEAL}:
            raise Permanent(f"{words[:100]!r} is no name of a breaker; it is {FORMS}")
        return heal_breaker(self.healer.actions.get(rest).name)

    def due(self) -> Sequence[Trigger]:
        """The triggers that breakers and people's words have raised and that wait; nobody else gets them for a while.

        Raises:
            Transient: the database cannot be asked.
        """
        return self.raised.due(limit=_RAISED_AT_ONCE, pause=_RAISED_AGAIN)

    def listening(self) -> AbstractContextManager[None]:
        """Takes alerts of other systems from their NATS subject while the block lasts."""
        return listening(self.settings, self.intake)

    def modes_by_settings(self) -> Mapping[str, str]:
        """How far each action may go by the settings; one that cannot be loaded goes nowhere, and `doctor` tells."""
        return self.healer.actions.modes()

    def watcher(
        self, *, run_id: UUID, dispatch: Callable[[Trigger], Result], reconcile: Callable[[], object]
    ) -> Watcher:
        """A run of application-health over this estate."""
        watching = self.settings.watching
        world = World(
            components=self.healer.components,
            observe=self.observer,
            observe_all=self.observer.observe_all,
            heals=self.healer.store,
            health=self.health,
            dispatch=dispatch,
            reconcile=reconcile,
            note=self._note,
            holds=self.starts.holds,
            clock=self.healer.clock,
            holder=this_process(),
            engines=self.containers,
            estate=self.settings.estate,
            hearing=hearing_of(self.settings, self.host, self.health, clock=self.healer.clock),
            raised=self.due,
            emergency=self.emergency,
        )
        pace = Pace(
            sweep=watching.sweep,
            strikes=watching.strikes,
            recoveries=watching.recoveries,
            reconcile=watching.reconcile,
            at_once=self.settings.healing.at_once,
            platform_grace=watching.platform_grace,
        )
        return Watcher(world, pace, run_id=run_id)

    def log_watcher(self, *, run_id: UUID, dispatch: Callable[[Trigger], Result]) -> LogWatcher:
        """A run of log-monitor over this estate."""
        return log_watcher_of(
            self.settings, self.engine, health=self.health, clock=self.healer.clock, dispatch=dispatch, run_id=run_id
        )


def wire(  # noqa: PLR0913 - each is told by another caller
    settings: Settings,
    *,
    database_url: str,
    web_url: str = "",
    statement_s: int = 10,
    ports: WorkflowPorts | None = None,
    spool: str = "",
) -> Estate:
    """The estate that these settings describe; nothing is connected yet. Its secrets are hidden from the log.

    Args:
        settings: of the estate.
        database_url: as healing_user, or as the web server.
        web_url: where people find the web server; empty: as the settings say.
        statement_s: how long one statement may take.
        ports: where workflows are read and written; None: as the settings say.
        spool: the folder for alerts while the database is away; empty: there is none.
    """
    hide([*(value for _, value in secrets(settings)), unquote(urlsplit(database_url).password or "")])
    clock = SystemClock()
    controls = {
        name: Supervisor(
            url=one.url, username=one.username, password=one.password.get_secret_value(), timeout=one.timeout
        )
        for name, one in settings.supervisors.items()
    }
    containers = _engines(settings)
    broker = NatsBroker()
    databases = _databases(settings)
    http = Http()
    engine = open_engine(database_url, statement_s=statement_s)
    request_file = _request_file(settings, engine, clock)
    orphans = None if request_file is None else orphans_of(settings.workflows, engine, file=request_file)
    inner = within(settings, engine, clock)
    host = host_of(settings, engine, broker=broker, clock=clock)
    probes = dict(
        probe_table(
            http=http,
            broker=broker,
            clock=clock,
            databases=databases,
            request_file=request_file,
            orphans=orphans,
            insides=inner.insides,
            processes=inner.processes,
            paths=inner.paths,
            host=host,
        )
    )
    observer = Observer(controls=controls, containers=containers, probes=probes, clock=clock)
    read = ports or ports_of(settings, engine, request_file)
    workflows = None if read is None else wire_workflows(settings, read, engine, observe=observer, clock=clock)
    if workflows is not None:
        probes[ProbeKind.WORKFLOW] = WorkflowProbe(workflows.looks, clock)
    tools = Toolbox(
        controls=controls,
        observe=observer,
        broker=broker,
        http=http,
        clock=clock,
        containers=containers,
        databases=databases,
        migrations=settings.allowed_sql(),
        request_file=request_file,
        orphans=orphans,
        copies=None if orphans is None else PrunedDeliverables(engine),
        workflows=workflows,
        insides=inner.insides,
        processes=inner.processes,
        paths=inner.paths,
        modes={name: one.mode for name, one in settings.actions.items()},
    )
    healing = settings.healing
    breakers = Breakers(engine, settings.breaker_rules())
    modes = Modes(engine, settings.promotion.standards())
    store = Heals(engine, healing.limits(), breakers, modes, settings.costs.costs())
    healer = Healer(
        components=settings.catalogue(),
        allow=healing.allow,
        actions=build(tools),
        store=store,
        observe=observer,
        leases=Leases(store, lease=healing.lease),
        clock=clock,
    )
    return Estate(
        settings=settings,
        healer=healer,
        observer=observer,
        health=HealthHistory(engine),
        reports=Reports(engine),
        faults=Faults(engine),
        web=WebAddress(base=web_url or settings.web.public_url.rstrip("/")),
        runs=MechanismRuns(engine),
        mechanisms=Mechanisms(engine),
        breakers=breakers,
        raised=RaisedTriggers(engine),
        intake=Intake(engine, quiet=settings.intake.quiet),
        starts=Starts(engine, healing.limits(), settings.starts.within()),
        modes=modes,
        rates=RateReports(engine),
        outbox=Outbox(engine),
        telling=telling_of(settings, engine, spool=spool),
        emergency=emergency_of(settings, spool=spool, clock=clock),
        containers=containers,
        databases=databases,
        request_file=request_file,
        starting=None
        if request_file is None
        else starting_of(settings, engine, file=request_file, breakers=breakers, clock=clock),
        keeping=None if request_file is None else keeping_of(settings, engine, file=request_file, clock=clock),
        retention=Retention(engine, settings.retention.keep()),
        host=host,
        engine=engine,
        recovery=None if workflows is None else recovery_of(settings, workflows, engine, healer=healer),
    )


def _request_file(settings: Settings, engine: Engine, clock: Clock) -> RequestFile | None:
    """The request file, if the settings name one."""
    workflows = settings.workflows
    if not workflows.request_file:
        return None
    return RequestFile(
        Path(workflows.request_file).expanduser().absolute(),
        backups=Path(workflows.backups).expanduser().absolute() if workflows.backups else None,
        keep=workflows.keep_backups,
        changes=FileChangeRows(engine),
        clock=clock,
    )


def _engines(settings: Settings) -> dict[str, ContainerControl]:
    """The Docker engine, if a component names a container."""
    if not any(one.container for one in settings.components.values()):
        return {}
    return {ENGINE: Docker(url=settings.docker.url, timeout=settings.docker.timeout)}


def _databases(settings: Settings) -> dict[str, EstateDatabase]:
    """The estate's own databases."""
    return {
        name: EstateDatabase(
            url=one.url, username=one.username, password=one.password.get_secret_value(), timeout=one.timeout
        )
        for name, one in settings.databases.items()
    }


@functools.cache
def current() -> Estate:
    """The estate of this process: settings from `SELFHEAL_CONFIG`, the database from `SELFHEAL_DATABASE_URL`.

    Links in reports begin with `SELFHEAL_WEB_URL`, which `selfheal up` sets, or with `web.public_url`.

    Raises:
        Permanent: the environment names no database, or the settings are wrong.
    """
    url = os.environ.get("SELFHEAL_DATABASE_URL")
    if not url:
        raise Permanent("SELFHEAL_DATABASE_URL is not set", hint="flows run in the worker that `selfheal up` starts")
    path = os.environ.get("SELFHEAL_CONFIG")
    settings = load(Path(path) if path else None)
    web_url, spool = os.environ.get("SELFHEAL_WEB_URL", ""), os.environ.get("SELFHEAL_SPOOL", "")
    return wire(settings, database_url=url, web_url=web_url, spool=spool)

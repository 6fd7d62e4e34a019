"""One estate, wired: what tasks, flows, the command line and the web server work with; `bootstrap` makes it."""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Engine

from selfheal.clients.request_file import RequestFile
from selfheal.model.breaker_rules import Scope
from selfheal.model.errors import Permanent, SelfhealError
from selfheal.model.prediction import PREEMPT
from selfheal.model.replay import Replayed
from selfheal.model.trigger import Trigger
from selfheal.model.web_address import WebAddress
from selfheal.policy.breaker_names import FORMS, checked, heal_breaker
from selfheal.policy.places import place_of
from selfheal.policy.promotion import stricter
from selfheal.ports import ContainerControl
from selfheal.probes.observe import Observer
from selfheal.protocol import own_health
from selfheal.protocol.alerts import Telling
from selfheal.protocol.emergency import Emergency
from selfheal.protocol.heal import Result, Steps
from selfheal.protocol.healer import Healer
from selfheal.protocol.holder import this_process
from selfheal.protocol.host_watch import HostWatch
from selfheal.protocol.keeping import Keeping
from selfheal.protocol.predicting import Predicting
from selfheal.protocol.reconcile import Settled, reconcile
from selfheal.protocol.recovery import Recovery
from selfheal.protocol.starting import Starting
from selfheal.replay.question import Question
from selfheal.settings.estate import Settings
from selfheal.store.breakers import Breakers
from selfheal.store.health import HealthHistory
from selfheal.store.intake import Intake
from selfheal.store.mechanisms import Mechanisms
from selfheal.store.modes import Modes
from selfheal.store.outbox import Outbox
from selfheal.store.raised import RaisedTriggers
from selfheal.store.rates import RateReports
from selfheal.store.reading.faults import Faults
from selfheal.store.reading.predictions import PredictionReports
from selfheal.store.retention import Retention
from selfheal.store.runs import MechanismRuns
from selfheal.store.starts import Starts
from selfheal.watch.log_watcher import LogWatcher
from selfheal.watch.watcher import Watcher
from selfheal.watch.world import Pace, World
from selfheal.wiring.host import hearing_of
from selfheal.wiring.intake import listening
from selfheal.wiring.logs import log_watcher_of, logs_of
from selfheal.wiring.replay import replay_of

_log = logging.getLogger(__name__)
_FRESH, _FRESH_SWEEPS = timedelta(seconds=30), 4
"""A component whose last look is older, and more sweeps ago, is watched no more."""
_RAISED_AT_ONCE = 20
_RAISED_AGAIN = timedelta(minutes=2)  # a heal that waits in its queue is admitted by then


def _never() -> bool:
    return False


@dataclass(frozen=True, kw_only=True)
class Estate:
    """One estate, wired.

    Attributes:
        settings: as loaded.
        healer: what the protocol of a heal needs.
        observer: one look at one component, or at all.
        health: `health_history` and the hand-over between watchers.
        faults: what people read of them, one after the other.
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
        request_file: of the workflows; None where the settings name none.
        starting: starts workflows; None where there are none.
        keeping: keeps their states; the same.
        retention: forgets what was measured long ago.
        host: looks at the host that we run on.
        engine: the database behind them.
        predicting: foretells what will break.
        prediction_reports: what was foretold and what became of it, as people read it.
        recovery: puts workflows back on track; None: there are none.
        overtaken: whether other settings are in force by now.
    """

    settings: Settings
    healer: Healer
    observer: Observer
    health: HealthHistory
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
    request_file: RequestFile | None
    starting: Starting | None
    keeping: Keeping | None
    retention: Retention
    host: HostWatch
    engine: Engine
    predicting: Predicting
    prediction_reports: PredictionReports
    recovery: Recovery | None = None
    overtaken: Callable[[], bool] = _never

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
        self.starts.note_resting()
        own_health.look(self.mechanisms)
        if not (self.settings.log_monitor.there_are or self.overtaken()):  # nobody follows any who would say that
            logs_of(self.settings, self.engine).leave(())  # their trouble is over
        self.health.tell_unknown(
            after=self.settings.alerts.unknown_after, fresh=max(_FRESH_SWEEPS * self.settings.watching.sweep, _FRESH)
        )
        self._tell()  # settling may take a minute, and a person is to know of a storm before
        settled = reconcile(self.healer, steps)
        self._settle_file()
        self.modes.review({**self.modes_by_settings(), **self.modes_ahead()})
        self._tell()
        return settled

    def tell_urgent(self) -> None:
        """What is CRITICAL does not wait for the next turn.

        Raises:
            Transient: the database cannot be asked.
        """
        self.starts.note_resting()
        if not self.overtaken():
            self.telling.hurry()

    def _tell(self) -> None:
        """Deliver what is due, unless other settings are in force: channels that only they name would be given up."""
        if not self.overtaken():
            self.telling.turn()

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

    def mode_name(self, action: str) -> str:
        """An action as modes are written of it: before anything is sick with `preempt:` in front.

        Raises:
            Permanent: no action is named so.
        """
        own = self.healer.actions.get(action.removeprefix(PREEMPT)).name
        return PREEMPT + own if action.startswith(PREEMPT) else own

    def modes_ahead(self) -> Mapping[str, str]:
        """The same before anything is sick, by `preempt:` and the action's name."""
        preempting = self.healer.preempting
        return {
            f"{PREEMPT}{name}": stricter([mode, preempting.mode_of(name)]).value
            for name, mode in self.modes_by_settings().items()
        }

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
            tell=self.tell_urgent,
            emergency=self.emergency,
            overtaken=self.overtaken,
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

    def replay(self, question: Question, progress: Callable[[str], object] = lambda _: None) -> Replayed:
        """What other settings would have done with the past; nothing is acted on, and nothing is written.

        Raises:
            Transient: the database cannot be asked.
        """
        return replay_of(self.engine, question, self.healer.actions, clock=self.healer.clock, progress=progress).run()

    def log_watcher(self, *, run_id: UUID, dispatch: Callable[[Trigger], Result]) -> LogWatcher:
        """A run of log-monitor over this estate."""
        return log_watcher_of(
            self.settings,
            self.engine,
            health=self.health,
            clock=self.healer.clock,
            dispatch=dispatch,
            run_id=run_id,
            overtaken=self.overtaken,
        )

"""What `selfheal up` looks at again and again beside its supervisor: database, watchers, mechanisms, the heartbeat."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from deployments import heartbeat
from deployments.alarm import LOOK_EVERY_S as ALARM_EVERY_S
from deployments.alarm import Alarm
from deployments.embedded.stack import Servers
from deployments.objects import declared
from deployments.own_health import OwnHealth
from deployments.prefect_api import PrefectApi
from deployments.rounds import Rounds
from deployments.scheduled import Scheduled, scheduled
from deployments.supervisor import Supervisor
from deployments.watchkeeper import LOOK_EVERY_S, WatchKeeper
from selfheal.bootstrap import Estate, wire
from selfheal.model.errors import Transient
from selfheal.policy.watching import WATCHERS
from selfheal.settings.estate import Settings
from selfheal.settings.file import load
from selfheal.store.engine import open_engine
from selfheal.store.health import HealthHistory
from selfheal.store.mechanisms import Mechanisms
from selfheal.wiring.alerts import emergency_of

OWN_HEALTH_EVERY_S = 30.0
_TICK_S = 5.0


@dataclass(kw_only=True)
class Surroundings:
    """What the rounds of one stack need; not frozen: it remembers since when mechanisms run, and the next heartbeat.

    Attributes:
        servers: of the stack.
        config: the settings in force; another text after a reload.
        spool: where alerts are kept while the database is away.
        database_url: as healing_user.
        prefect: a client of the Prefect server.
        begin_watcher: begins a watcher by its name; may raise.
    """

    servers: Servers
    config: Path
    spool: str
    database_url: str = field(repr=False)
    prefect: Callable[[], PrefectApi]
    begin_watcher: Callable[[str], None]
    _since: datetime | None = field(default=None, init=False)
    _beat_due: float = field(default=0.0, init=False)
    _was_ready: bool = field(default=False, init=False)

    def settings(self) -> Settings:
        """Those in force."""
        return load(self.config)

    def logs(self) -> bool:
        """Whether the settings in force name logs."""
        return self.settings().log_monitor.there_are

    def schedule(self) -> None:
        """Say which mechanisms are to run; whoever shows or tells of them reads it.

        They are expected from the first call on, when the worker is ready for the first time: a worker that comes and
        goes is no reason to expect nothing.
        """
        self._since = self._since or datetime.now(UTC)
        settings = self.settings()
        every = declared.schedules(workflows=settings.workflows.there_are, logs=settings.log_monitor.there_are)
        every = {name: one for name, one in every.items() if name not in WATCHERS}  # of the watchers their beat tells
        if settings.heartbeat.url.get_secret_value():
            every[heartbeat.MECHANISM] = settings.heartbeat.every
        engine = open_engine(self.database_url, pool_size=1)
        try:
            Mechanisms(engine).schedule(every, since=self._since)
        finally:
            engine.dispose()

    def planned(self) -> Scheduled:
        """What the Prefect server has scheduled."""
        with self.prefect() as api:
            return scheduled(api)

    def beat(self, *, ready: bool) -> None:
        """Send a heartbeat, if one is due and the settings want any; not before every part was ready once."""
        self._was_ready = self._was_ready or ready
        settings = self.settings()
        if not self._was_ready or not settings.heartbeat.url.get_secret_value() or time.monotonic() < self._beat_due:
            return
        self._beat_due = time.monotonic() + settings.heartbeat.every.total_seconds()
        estate = wire(settings, database_url=self.database_url)
        try:
            heartbeat.beat(estate, self._links(), call=heartbeat.over_http)
        finally:
            estate.close()

    def _links(self) -> heartbeat.Links:
        """The chain, in the order in which it is asked."""
        return {
            "database": heartbeat.database,
            "nats": self._nats,
            "prefect": self._prefect,
            "watchers": heartbeat.watchers,
            "dry run": heartbeat.dry_run,
        }

    def _nats(self, _estate: Estate) -> None:
        if not self.servers.nats.ready():
            raise Transient(f"{self.servers.nats.url} does not answer a flush")

    def _prefect(self, _estate: Estate) -> None:
        with self.prefect() as api:
            if not api.answers():
                raise Transient(f"{api.url} does not answer")


@contextmanager
def going_round(around: Surroundings, supervisor: Supervisor) -> Iterator[None]:
    """Look after watchers, mechanisms and the heartbeat until the block ends."""
    engine = open_engine(around.database_url, pool_size=1)
    ready = supervisor.all_ready.is_set
    watches = HealthHistory(engine).watches
    keeper = WatchKeeper(watches=watches, logs=around.logs, ready=ready, begin=around.begin_watcher)
    own = OwnHealth(
        mechanisms=Mechanisms(engine),
        watches=watches,
        logs=around.logs,
        ready=ready,
        planned=around.planned,
        restart=supervisor.restart,
    )
    alarm = Alarm(
        ask=watches,
        stopping=supervisor.is_stopping,
        emergency=lambda: emergency_of(around.settings(), spool=around.spool),
    )
    rounds: Mapping[str, tuple[float, Callable[[], None]]] = {
        "looking whether anything watches": (LOOK_EVERY_S, keeper.look),
        "looking whether the database answers": (ALARM_EVERY_S, alarm.look),
        "looking whether our mechanisms run": (OWN_HEALTH_EVERY_S, own.look),
        "the heartbeat": (_TICK_S, lambda: around.beat(ready=ready())),
    }
    with ExitStack() as beside:
        for name, (every_s, look) in rounds.items():
            beside.enter_context(Rounds(name, every_s, look))
        yield

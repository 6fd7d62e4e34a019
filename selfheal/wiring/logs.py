"""Wires what follows logs. Bootstrap calls it for a run of log-monitor."""

import logging
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from uuid import UUID

from sqlalchemy import Engine

from selfheal.clients.docker import Docker
from selfheal.clients.log_container import ContainerLog
from selfheal.clients.log_file import LogFile
from selfheal.clients.nats import NatsBroker
from selfheal.model.errors import SelfhealError
from selfheal.model.log import LogSource
from selfheal.model.trigger import Trigger
from selfheal.policy.monitoring import monitoring_message
from selfheal.ports import Clock, HealthStore
from selfheal.ports.logs import ContainerLogs, LogReader
from selfheal.protocol.heal import Result
from selfheal.protocol.holder import this_process
from selfheal.settings.estate import Settings
from selfheal.store.logs import Logs
from selfheal.watch.log_watcher import MECHANISM, LogWatcher, LogWorld

_log = logging.getLogger(__name__)


def log_watcher_of(  # noqa: PLR0913 - each is a thing of the estate
    settings: Settings,
    engine: Engine,
    *,
    health: HealthStore,
    clock: Clock,
    dispatch: Callable[[Trigger], Result],
    run_id: UUID,
    overtaken: Callable[[], bool],
) -> LogWatcher:
    """A run of log-monitor."""
    wanted, store = settings.log_monitor, logs_of(settings, engine)
    docker = Docker(url=settings.docker.url, timeout=settings.docker.timeout)

    def publish(metrics: Mapping[str, object], well: bool) -> None:  # noqa: FBT001 - the port's
        _publish(settings, metrics, well=well, clock=clock)

    world = LogWorld(
        sources=wanted.followed(settings.components),
        rules=wanted.rules(),
        reader=partial(reader_of, engine=docker),
        store=store,
        health=health,
        dispatch=dispatch,
        publish=publish,
        clock=clock,
        holder=this_process(),
        at_once=settings.healing.at_once,
        summary=wanted.summary,
        overtaken=overtaken,
    )
    return LogWatcher(world, run_id=run_id)


def logs_of(settings: Settings, engine: Engine) -> Logs:
    """What was read and counted."""
    return Logs(engine, settings.investigated)


def reader_of(source: LogSource, *, engine: ContainerLogs) -> LogReader:
    """What reads this log."""
    if source.container:
        return ContainerLog(source.container, engine, from_start=source.from_start)
    return LogFile(Path(source.file), from_start=source.from_start)


def _publish(settings: Settings, metrics: Mapping[str, object], *, well: bool, clock: Clock) -> None:
    """Tell whoever listens; where there is no broker, or none that answers, the log says it."""
    wanted, workflows = settings.log_monitor, settings.workflows
    own = bool(wanted.url)
    if not own and not workflows.there_are:
        return
    status = "OPERATIONAL" if well else "DEGRADED"
    body = monitoring_message(source=MECHANISM, status=status, metrics=metrics, at=clock.now())
    for subject in (wanted.health_subject, wanted.metrics_subject):
        try:
            NatsBroker().publish(
                wanted.url if own else workflows.url,
                subject,
                body,
                credentials=wanted.credentials if own else workflows.credentials,
                timeout=workflows.timeout,
            )
        except SelfhealError as error:
            _log.warning("the summary of the logs is not published on %s: %s", subject, error)

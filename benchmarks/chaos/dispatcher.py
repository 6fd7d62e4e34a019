"""One dispatcher of the campaign: the real watcher over the real procedure, several of them beside each other.

Forked by `nursery`. A plain one watches and heals with the plain steps, and never hands over, so that all of them race
for every fault, and runs workflows of agents beside that; one with flows runs `application-health` as Prefect runs it.
The matrix and the tests of the checker ask for a single heal, or for turns of reconcile.
"""

import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from uuid6 import uuid7

from benchmarks.chaos.agents import Agents
from benchmarks.chaos.mutants import MUTANTS
from selfheal.bootstrap import Estate, current, wire
from selfheal.model.attempt import Holder
from selfheal.model.component import Component
from selfheal.model.errors import SelfhealError
from selfheal.model.trigger import Priority, Source, Trigger
from selfheal.policy.triggers import usual_type
from selfheal.protocol.heal import Steps, heal
from selfheal.protocol.plain import plain_steps
from selfheal.protocol.reconcile import follow
from selfheal.settings.file import load
from selfheal.store.health import HealthHistory
from selfheal.watch.watcher import Watcher

_log = logging.getLogger(__name__)
ACT_S = {"restart-service": 4, "restart-container": 18}
"""An act of the campaign is over within this time: what was announced by a dead healer waits for so long. The second is
as short as that action allows for a container that is given 2 s to stop."""


class Alone(HealthHistory):
    """`health_history` for a watcher that knows no successor."""

    def begin_watch(self, mechanism: str, run_id: UUID, holder: Holder) -> None:
        """Nobody is told."""

    def beat(self, mechanism: str, run_id: UUID) -> bool:  # noqa: ARG002 - the port's signature
        """It still watches."""
        return True


def run(task: str, *, target: str, mutants: Sequence[str]) -> None:
    """Do what a dispatcher, or a part of one, does.

    Args:
        task: `watch` and heal until TERM; the same as Prefect's `flow`; `heal` one target once; `settle` what a dead
            healer of one target has left; `reconcile` until TERM.
        target: of `heal` and `settle`.
        mutants: what is wrong with it.
    """
    for name in mutants:
        MUTANTS[name]()
    if task == "flow":
        _run_flow()
        return
    estate = estate_of(Path(os.environ["SELFHEAL_CONFIG"]))
    steps = plain_steps(estate.healer)
    if task == "heal":
        result = heal(steps, _trigger(estate.healer.components[target]))
        _log.info("%s: %s", result.name, result.message)
    elif task == "settle":
        left = next(one.id for one in estate.healer.store.expired() if one.component == target)
        follow(estate.healer, steps, left)
    elif task == "reconcile":
        _reconcile(estate, steps)
    else:
        Agents(estate.breakers, Path(os.environ["SELFHEAL_CONFIG"]).parent).begin()
        watcher = _watcher(estate, steps)
        signal.signal(signal.SIGTERM, lambda *_: watcher.stop())
        watcher.run()


def _trigger(component: Component) -> Trigger:
    return Trigger(
        id=uuid7(),
        type=usual_type(component),
        component=component.name,
        source=Source.WATCHER,
        priority=Priority.HIGH,
        reason="the campaign broke it",
        detected_at=datetime.now(UTC),
    )


def _reconcile(estate: Estate, steps: Steps) -> None:
    """Turn after turn, as a watcher does beside its sweeps."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    while not stop.wait(estate.settings.watching.reconcile.total_seconds()):
        try:
            estate.turn(steps)
        except SelfhealError as error:
            _log.warning("reconcile: %s", error)


def estate_of(settings: Path) -> Estate:
    """The estate of a settings file of the campaign, with its short acts."""
    return shortened(wire(load(settings, {}), database_url=os.environ["SELFHEAL_DATABASE_URL"]))


def shortened(estate: Estate) -> Estate:
    """The same estate with acts of `ACT_S`."""
    for name, seconds in ACT_S.items():
        estate.healer.actions.get(name).timeout = timedelta(seconds=seconds)
    return estate


def _watcher(estate: Estate, steps: Steps) -> Watcher:
    alone = Estate(**vars(estate) | {"health": Alone(estate.engine)})
    return alone.watcher(
        run_id=uuid7(), dispatch=lambda trigger: heal(steps, trigger), reconcile=lambda: estate.turn(steps)
    )


def _run_flow() -> None:
    """As the worker does, again and again: a run ends when its server takes it away."""
    from flows.application_health import application_health  # noqa: PLC0415 - costs seconds where no flow is wanted

    shortened(current())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    while True:
        application_health(return_state=True)

"""Wires replays: which actions fit, as the protocol of a heal asks it."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import Engine

from selfheal.model.admission import Rung
from selfheal.model.component import Component
from selfheal.model.trigger import ForetoldMetric, Priority, Source, Trigger, TriggerType
from selfheal.ports import Clock
from selfheal.protocol.deciding import fitting, rungs_of
from selfheal.protocol.healer import Actions
from selfheal.replay.question import Question
from selfheal.replay.replay import Replay
from selfheal.store.reading.history import History
from selfheal.wiring.predicting import predicting_of

_NEVER = datetime.fromtimestamp(0, UTC)


def replay_of(
    engine: Engine,
    question: Question,
    actions: Actions,
    *,
    clock: Clock,
    progress: Callable[[str], object] = lambda _: None,
) -> Replay:
    """A replay over what is recorded; workflows are nobody's to look at in the past."""
    return Replay(
        history=History(engine),
        question=question,
        rungs=fitting_rungs(actions),
        predicting=lambda settings: predicting_of(settings, engine, None, clock=clock),
        progress=progress,
    )


def fitting_rungs(actions: Actions) -> Callable[[Component, TriggerType, str], Sequence[Rung]]:
    """Asks which rungs of a component's ladder fit a kind of trigger, each with its mode by the settings.

    Where something is foretold, which rungs fit depends on the metric.
    """

    def rungs(component: Component, kind: TriggerType, metric: str) -> Sequence[Rung]:
        trigger = Trigger(
            id=UUID(int=0),
            type=kind,
            component=component.name,
            source=Source.WATCHER,
            priority=Priority.MEDIUM,
            reason="",
            detected_at=_NEVER,
            foretold=ForetoldMetric(id=UUID(int=0), metric=metric, value=0, well_below=0) if metric else None,
        )
        return rungs_of(fitting(actions, trigger, component), actions.mode)

    return rungs

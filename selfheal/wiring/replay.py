"""Wires replays: which actions fit, as the protocol of a heal asks it."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from uuid import UUID

from selfheal.model.admission import Rung
from selfheal.model.component import Component
from selfheal.model.trigger import Priority, Source, Trigger, TriggerType
from selfheal.protocol.deciding import rungs_of
from selfheal.protocol.healer import Actions

_NEVER = datetime.fromtimestamp(0, UTC)


def fitting_rungs(actions: Actions) -> Callable[[Component, TriggerType], Sequence[Rung]]:
    """Asks which rungs of a component's ladder fit a kind of trigger, each with its mode by the settings."""

    def rungs(component: Component, kind: TriggerType) -> Sequence[Rung]:
        trigger = Trigger(
            id=UUID(int=0),
            type=kind,
            component=component.name,
            source=Source.WATCHER,
            priority=Priority.MEDIUM,
            reason="",
            detected_at=_NEVER,
        )
        return rungs_of(actions.find_actions(trigger, component), actions.mode)

    return rungs

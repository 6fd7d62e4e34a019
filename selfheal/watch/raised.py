"""Heals what a breaker or a person's word has raised; the watcher runs it in a thread of its pool, as any heal."""

import logging

from selfheal.logs import about
from selfheal.model.errors import SelfhealError
from selfheal.model.trigger import Trigger
from selfheal.watch.world import World

_log = logging.getLogger(__name__)


def heal_raised(world: World, trigger: Trigger) -> None:
    """Dispatch it; where that fails nobody has answered it, so that it is due again soon."""
    with about(component=trigger.component, trigger=trigger.id):
        try:
            result = world.dispatch(trigger)
            _log.info("%s on %s: %s", result.answer.decision, trigger.component, result.answer.reason)
        except SelfhealError as error:
            _log.error("nothing is done about it now that %s: %s", trigger.reason, error)
        except Exception:  # noqa: BLE001 - the thread goes on to the next heal
            _log.exception("dispatch of %s broke", trigger.component)

"""Heals what a breaker, a person's word or a log has raised; watchers run it in a thread of their pool, as any heal."""

import logging
from collections.abc import Callable

from selfheal.logs import about
from selfheal.model.errors import SelfhealError
from selfheal.model.trigger import Trigger
from selfheal.protocol.heal import Result

_log = logging.getLogger(__name__)


def heal_raised(dispatch: Callable[[Trigger], Result], trigger: Trigger) -> None:
    """Dispatch it; where that fails nobody has answered it, so that it is due again soon."""
    with about(component=trigger.component, trigger=trigger.id):
        try:
            result = dispatch(trigger)
            _log.info("%s on %s: %s", result.answer.decision, trigger.component, result.answer.reason)
        except SelfhealError as error:
            _log.error("nothing is done about it now that %s: %s", trigger.reason, error)
        except Exception:  # noqa: BLE001 - the thread goes on to the next heal
            _log.exception("dispatch of %s broke", trigger.component)

"""Looks whether our own mechanisms run: part of each turn of the watchers, and of `selfheal up`."""

import logging
from collections.abc import Sequence

from selfheal.model.turn import Mechanism, TurnState
from selfheal.policy.turns import late_trigger, stands
from selfheal.ports import OwnMechanisms

_log = logging.getLogger(__name__)


def look(mechanisms: OwnMechanisms) -> Sequence[Mechanism]:
    """Tell a person of what is late, once, and of what runs again; gives what is late.

    Raises:
        Transient: the database cannot be asked.
    """
    late = []
    for one in mechanisms.all():
        if stands(one) is TurnState.LATE:
            late.append(one)
            trigger = late_trigger(one)
            if mechanisms.tell_late(one.name, trigger):
                _log.error("%s", trigger.reason)
        elif mechanisms.tell_well(one.name):
            _log.info("the mechanism %s runs again", one.name)
    return late

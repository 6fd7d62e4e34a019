"""Delivers what waits in the outbox: part of each turn of reconcile, in the watchers and in its flow."""

import logging
from datetime import timedelta

from selfheal.model.errors import SelfhealError
from selfheal.ports import AlertChannel, AlertOutbox

_log = logging.getLogger(__name__)
_AT_ONCE = 20
_PAUSE = timedelta(seconds=30)


def deliver(outbox: AlertOutbox, channel: AlertChannel | None) -> int:
    """Send what is due, each on its own; how many were delivered. Without a channel everything waits.

    Raises:
        Transient: the database cannot be asked what is due.
    """
    if channel is None:
        return 0
    delivered = 0
    for alert in outbox.claim(limit=_AT_ONCE, pause=_PAUSE):
        try:
            channel.send(alert)
        except SelfhealError as error:
            _log.warning("alert %s is not delivered yet: %s", alert.dedup_key, error)
            outbox.failed(alert.id, str(error))
        else:
            outbox.sent(alert.id)
            delivered += 1
    return delivered

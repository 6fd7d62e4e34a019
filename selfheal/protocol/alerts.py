"""Tells people: part of each turn of reconcile, in the watchers and in its flow.

A turn takes the spool into the outbox, decides what is sent where, and sends. Each channel has a thread of its own, so
that one that is dead or hangs keeps nobody from being told by another, nor the turn from going on.
"""

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid5

from selfheal.model.alert import Alert, DeliveryState, MessageKind, Severity
from selfheal.model.alert_rules import Rules
from selfheal.model.delivery import Claimed
from selfheal.model.errors import Busy, Permanent, SelfhealError, Transient
from selfheal.policy.alert_messages import TOLD_DIRECTLY
from selfheal.policy.alert_retries import Patience, pause_after
from selfheal.ports import AlertChannel, AlertDeliveries, AlertOutbox, AlertSpool
from selfheal.protocol.failpoint import reach

_log = logging.getLogger(__name__)
_BATCHES = 20
_BUDGET_S = 10.0
"""A channel begins no further delivery in a turn after this long, and the turn waits no longer for any."""
LEASE = timedelta(minutes=2)
"""Longer than any channel takes: `alerts.timeout` is 30 s at most, a mail 90 s. Else it would be sent twice."""
_OF_AN_EPISODE = frozenset({MessageKind.RESOLVED, MessageKind.ACKNOWLEDGED})


class Telling:
    """Tells people what the outbox holds.

    Args:
        outbox: what they must be told.
        deliveries: messages on their way.
        channels: by name; without any, everything waits.
        rules: what goes where.
        patience: how long a channel is tried.
        spool: what was raised while the database was away; None: there is no such file.
    """

    def __init__(  # noqa: PLR0913 - each is a part of it
        self,
        outbox: AlertOutbox,
        deliveries: AlertDeliveries,
        *,
        channels: Mapping[str, AlertChannel],
        rules: Rules,
        patience: Patience,
        spool: AlertSpool | None = None,
    ) -> None:
        self._outbox, self._deliveries, self._spool = outbox, deliveries, spool
        self._channels, self._rules, self._patience = dict(channels), rules, patience
        self._busy = {name: threading.Lock() for name in channels}

    def turn(self) -> None:
        """Take in, decide and send what is due.

        Raises:
            Transient: the database cannot be asked.
        """
        self.take_spool()
        self._outbox.note_ends()
        if not self._channels:
            return
        reach("before-alert-route")
        for _ in range(_BATCHES):
            if not self._outbox.route(self._rules):
                break
        reach("after-alert-route")
        self._deliveries.forsake(self._channels)
        self._send()

    def hurry(self) -> None:
        """A turn ahead of its time, where something CRITICAL waits for it; else one look at the database.

        Raises:
            Transient: the database cannot be asked.
        """
        if self._channels and self._outbox.urgent(self._channels):
            self.turn()

    def take_spool(self) -> None:
        """What was raised while the database was away, into the outbox: each once by its id; and that this is over."""
        if self._spool is None:
            return
        try:
            kept = self._spool.entries()
        except Transient as error:
            _log.error("%s", error)
            return
        if not kept:
            return
        rows = [replace(one.alert, details={**one.alert.details, TOLD_DIRECTLY: sorted(one.told)}) for one in kept]
        self._outbox.put([*rows, *map(_ended, rows)])
        reach("after-spool-put")
        try:
            self._spool.clear([one.id for one in rows])
        except Transient as error:
            _log.error("%s", error)
        reach("after-spool-clear")

    def _send(self) -> None:
        """Every channel at once; one that is still busy with an earlier turn is left to that."""
        end = time.monotonic() + _BUDGET_S
        threads = []
        for name in self._channels:
            if self._busy[name].acquire(blocking=False):
                thread = threading.Thread(target=self._serve, args=(name, end), name=f"alerts-{name}", daemon=True)
                thread.start()
                threads.append(thread)
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))

    def _serve(self, name: str, end: float) -> None:
        """Send what is due on one channel until something is not taken: the rest waits for the next turn."""
        try:
            while time.monotonic() < end:
                claimed = self._deliveries.claim(name, lease=LEASE)
                if claimed is None or not self._deliver(name, claimed):
                    return
        except SelfhealError as error:
            _log.warning("what is sent to %s cannot be recorded now: %s", name, error)
        except Exception:  # noqa: BLE001 - the next turn tries again; nothing else may end with it
            _log.exception("sending to %s broke", name)
        finally:
            self._busy[name].release()

    def _deliver(self, name: str, claimed: Claimed) -> bool:
        """One message; whether the channel is worth another one now."""
        reach("after-alert-claim")
        if claimed.message.kind in _OF_AN_EPISODE and not claimed.told:
            self._deliveries.settle(claimed.id, DeliveryState.SKIPPED, error="what it is about was never delivered")
            return True
        if claimed.message.kind is MessageKind.REMINDER and claimed.overtaken:  # of a channel that was dead for long
            self._deliveries.settle(claimed.id, DeliveryState.SKIPPED, error="a later message says more")
            return True
        try:
            note = self._channels[name].send(claimed.message)
        except SelfhealError as error:
            return self._not_taken(name, claimed, error)
        except Exception as error:  # noqa: BLE001 - a channel that breaks is tried, given up and listed as any other
            _log.exception("sending to %s broke", name)
            return self._not_taken(name, claimed, Permanent(f"sending it broke: {type(error).__name__}"))
        reach("after-alert-send")
        self._deliveries.settle(claimed.id, DeliveryState.SENT, error=note or "")
        reach("after-alert-settle")
        return True

    def _not_taken(self, name: str, claimed: Claimed, error: SelfhealError) -> bool:
        """Try again later, or give it up; what is wrong with one message need not be wrong with the next."""
        refused = isinstance(error, Permanent)
        pause = pause_after(claimed, self._patience, refused=refused)
        if isinstance(error, Busy):
            pause = pause and max(pause, timedelta(seconds=error.seconds))
            self._deliveries.pause(name, lasts=timedelta(seconds=error.seconds))
        if pause is None:
            _log.error("%s never got %s: %s", name, claimed.message.dedup_key, error)
            given_up = f"given up after {claimed.tries} tries: {error}"
            self._deliveries.settle(claimed.id, DeliveryState.FAILED, error=given_up)
        else:
            _log.warning("%s did not take %s yet: %s", name, claimed.message.dedup_key, error)
            self._deliveries.again(claimed.id, after=pause, error=str(error))
        return refused


def _ended(raised: Alert) -> Alert:
    """That the time without a database is over: the row after the one that was raised in it."""
    return Alert(
        id=uuid5(raised.id, "over"),
        resolved=True,
        severity=Severity.INFO,
        dedup_key=raised.dedup_key,
        message="the database answers again",
        created_at=datetime.now(UTC),
    )

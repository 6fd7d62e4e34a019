"""Somebody is told though the database is away: through the spool and, once, directly to the channels.

Whoever finds that it cannot write calls `trouble`, and `fine` when it can again. Many processes find it: by the spool
they tell of it once, and whoever dies on the way is followed by another one.
"""

import logging
import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid5

from uuid6 import uuid7

from selfheal.model.alert import Alert, Message, MessageKind, Severity
from selfheal.model.alert_rules import Rules
from selfheal.model.delivery import Spooled
from selfheal.model.errors import SelfhealError
from selfheal.policy.alert_rules import component_of, group_of
from selfheal.ports import AlertChannel, AlertSpool, Clock
from selfheal.protocol.failpoint import reach

KEY = "selfheal/database"
_AGAIN = timedelta(seconds=60)
"""A channel that did not take it is tried again after this."""
_log = logging.getLogger(__name__)


class Emergency:
    """Tells people that the database is away.

    Args:
        spool: where that is kept; None: nowhere, and each process tells for itself.
        channels: by name.
        rules: what goes where.
        clock: time.
        after: a shorter absence is nobody's business.
    """

    def __init__(
        self,
        spool: AlertSpool | None,
        *,
        channels: Mapping[str, AlertChannel],
        rules: Rules,
        clock: Clock,
        after: timedelta,
    ) -> None:
        self._spool, self._channels, self._rules = spool, channels, rules
        self._clock, self._after = clock, after
        self._since: tuple[float, datetime] | None = None
        self._raised = False
        self._alert_of_ours: Alert | None = None
        self._own: Spooled | None = None
        self._told: set[str] = set()
        self._running = threading.Lock()

    def fine(self) -> None:
        """The database has just been written to; what was told without the spool is ended without it, too."""
        own, told = self._own, sorted(self._told)
        self._since, self._raised, self._own, self._told = None, False, None, set()
        self._alert_of_ours = None
        if own is not None:
            over = replace(
                self._message(own.alert),
                id=uuid5(own.alert.id, "over"),
                kind=MessageKind.RESOLVED,
                message="over: the database answers again",
            )
            for name in told:
                threading.Thread(target=self._give, args=(name, over), name=f"emergency-{name}", daemon=True).start()

    def trouble(self, why: str) -> None:
        """It could not be; returns at once."""
        now = self._clock.monotonic()
        self._since = self._since or (now, self._clock.now())
        began, began_at = self._since
        if now - began >= self._after.total_seconds() and self._running.acquire(blocking=False):
            threading.Thread(target=self._act, args=(began_at, why), name="emergency", daemon=True).start()

    def _act(self, began_at: datetime, why: str) -> None:
        try:
            self.tell(began_at, why)
        except Exception:  # noqa: BLE001 - the next call is another try
            _log.exception("telling that the database is away broke")
        finally:
            self._running.release()

    def tell(self, began_at: datetime, why: str) -> None:
        """Keep it, and send what nobody has sent."""
        if not self._raised:
            alert = self._alert(began_at, why)
            self._own = None if self._kept(alert) else Spooled(alert=alert)
            self._alert_of_ours, self._raised = alert, True
        reach("after-spool")
        for one in self._due():
            self._send(one)

    def _due(self) -> list[Spooled]:
        """What is to be sent now: what is in the spool and nobody has tried lately, or what could not be kept there."""
        now, due, own = self._clock.now(), list[Spooled](), self._own
        if own is not None and (own.tried_at is None or own.tried_at + _AGAIN <= now):
            self._own = replace(own, tried_at=now)
            due.append(replace(own, told=frozenset(self._told)))
        if self._spool is None:
            return due
        try:
            return [*due, *self._spool.due(now, again=_AGAIN)]
        except SelfhealError as error:
            _log.error("%s", error)
            if own is None and self._alert_of_ours is not None:  # it is there, and nobody can mark it: the disk is full
                self._own = Spooled(alert=self._alert_of_ours, tried_at=now)
                due.append(self._own)
            return due

    def _kept(self, alert: Alert) -> bool:
        """Whether it is in the spool now; if not, this process tells it alone."""
        if self._spool is None:
            return False
        try:
            self._spool.add(alert)
        except SelfhealError as error:
            _log.error("%s", error)
            return False
        return True

    def _send(self, one: Spooled) -> None:
        """To every channel that has not taken it, at once: one that hangs holds up none of the others."""
        wanted = [name for name in self._rules.channels_of(one.alert.severity) if name not in one.told]
        threads = [
            threading.Thread(target=self._send_to, args=(name, one.alert), name=f"emergency-{name}", daemon=True)
            for name in wanted
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _send_to(self, name: str, alert: Alert) -> None:
        if not self._give(name, self._message(alert)):
            return
        reach("after-spool-send")
        self._told.add(name)
        if self._spool is None or self._own is not None:
            return
        try:
            self._spool.told(alert.id, name)
        except SelfhealError as error:
            _log.error("%s", error)

    def _give(self, name: str, message: Message) -> bool:
        """Whether the channel took it."""
        try:
            self._channels[name].send(message)
        except SelfhealError as error:
            _log.error("%s was not told of the database: %s", name, error)
            return False
        except Exception:  # noqa: BLE001 - it is tried again; the others are told all the same
            _log.exception("telling %s of the database broke", name)
            return False
        return True

    def _message(self, alert: Alert) -> Message:
        """As it is routed later: of an episode of its own."""
        return Message(
            id=alert.id,
            kind=MessageKind.ALERT,
            severity=alert.severity,
            group=group_of(alert.dedup_key, component_of(alert.details), self._rules.groups),
            dedup_key=alert.dedup_key,
            episode=alert.id,
            message=alert.message,
            details=alert.details,
            created_at=alert.created_at,
        )

    def _alert(self, began_at: datetime, why: str) -> Alert:
        return Alert(
            id=uuid7(),
            severity=Severity.CRITICAL,
            dedup_key=KEY,
            message=f"Selfheal cannot reach its database since {began_at:%H:%M:%S} UTC, and heals nothing until it can",
            details={"why": why[:500], "what_to_do": "selfheal doctor"},
            created_at=began_at,
        )

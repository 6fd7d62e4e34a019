"""Somebody is told though the database is away: through the spool and, once, directly to the channels.

Whoever finds that it cannot write calls `trouble`, and `fine` when it can again. Many processes find it: by the spool
they tell of it once, and whoever dies on the way is followed by another one.
"""

import logging
import threading
from collections.abc import Mapping
from datetime import datetime, timedelta

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
        self._running = threading.Lock()

    def fine(self) -> None:
        """The database has just been written to."""
        self._since, self._raised = None, False

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
        except SelfhealError as error:
            _log.error("nobody can be told that the database is away: %s", error)
        except Exception:  # noqa: BLE001 - the next call is another try
            _log.exception("telling that the database is away broke")
        finally:
            self._running.release()

    def tell(self, began_at: datetime, why: str) -> None:
        """Keep it, and send what nobody has sent.

        Raises:
            SelfhealError: neither could be done.
        """
        due: list[Spooled] = []
        if not self._raised:
            alert = self._alert(began_at, why)
            if self._kept(alert) is None:
                due.append(Spooled(alert=alert))
            self._raised = True
        reach("after-spool")
        if self._spool is not None:
            due += self._spool.due(self._clock.now(), again=_AGAIN)
        for one in due:
            self._send(one)

    def _kept(self, alert: Alert) -> bool | None:
        """Whether it is in the spool now; None: it cannot be kept, and is told by this process alone."""
        if self._spool is None:
            return None
        try:
            return self._spool.add(alert)
        except SelfhealError as error:
            _log.error("%s", error)
            return None

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
        try:
            self._channels[name].send(self._message(alert))
            reach("after-spool-send")
            if self._spool is not None:
                self._spool.told(alert.id, name)
        except SelfhealError as error:
            _log.error("%s was not told that the database is away: %s", name, error)

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

"""The deliveries of messages, each claimed by a conditional update and settled once."""

from collections.abc import Collection
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Engine, func, insert, select, text, update

from selfheal.model.alert import DeliveryState, Message
from selfheal.model.delivery import Claimed
from selfheal.store.alert_rows import message_of
from selfheal.store.engine import transaction
from selfheal.store.tables import alert_deliveries, alert_messages
from selfheal.store.text import clean, shorten

_LONGEST_ERROR = 500
# The most urgent first, else the oldest; of one episode the messages in their order: an end never overtakes its alert.
_CLAIM = text(
    """UPDATE alert_deliveries d SET tries = d.tries + 1, next_try_at = now() + CAST(:lease AS interval)
       FROM (SELECT w.id FROM alert_deliveries w JOIN alert_messages m ON m.id = w.message_id
             WHERE w.channel = :channel AND w.state = 'WAITING' AND w.next_try_at <= now()
               AND NOT EXISTS (SELECT FROM alert_deliveries p
                               WHERE p.channel = w.channel AND p.state = 'WAITING' AND p.paused_until > now())
               AND NOT EXISTS (SELECT FROM alert_deliveries e
                               WHERE e.channel = w.channel AND e.episode_id = w.episode_id AND e.state = 'WAITING'
                                 AND e.place < w.place)
             ORDER BY m.severity <> 'CRITICAL', w.place LIMIT 1 FOR UPDATE OF w SKIP LOCKED) due
       WHERE d.id = due.id
       RETURNING d.id, d.message_id, d.tries, now() - d.since AS age,
                 EXISTS (SELECT FROM alert_deliveries s WHERE s.episode_id = d.episode_id AND s.channel = d.channel
                         AND s.state = 'SENT') AS told,
                 EXISTS (SELECT FROM alert_deliveries l WHERE l.episode_id = d.episode_id AND l.channel = d.channel
                         AND l.state = 'WAITING' AND l.place > d.place) AS overtaken"""
)
# What is over needs nobody any more. Not `created_at`: the order stays, and since when people should have known.
_ANEW = text(
    """UPDATE alert_deliveries d
       SET state = 'WAITING', tries = 0, next_try_at = now(), since = now(), paused_until = NULL, error = NULL,
           failed_at = NULL
       FROM alert_episodes e, alert_messages m
       WHERE e.id = d.episode_id AND e.is_open AND d.state = 'FAILED' AND d.channel = ANY (:channels)
         AND m.id = d.message_id AND (m.kind <> 'ALERT' OR EXISTS (
             SELECT FROM alerts a
             WHERE a.dedup_key = m.dedup_key AND a.resolved_at IS NULL AND a.raised_at <= m.created_at))"""
)
_SETTLE = text("SELECT settle_delivery(:delivery, :state, :error)")


class Deliveries:
    """The store of deliveries.

    Args:
        engine: the database, as healing_user.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def claim(self, channel: str, *, lease: timedelta) -> Claimed | None:
        """The next one that is due; nobody else gets it for `lease`. A process that dies with it only delays it."""
        with transaction(self._engine) as connection:
            row = connection.execute(_CLAIM, {"channel": channel, "lease": lease}).first()
            if row is None:
                return None
            said = select(alert_messages).where(alert_messages.c.id == row.message_id)
            message = message_of(connection.execute(said).one())
        return Claimed(id=row.id, message=message, tries=row.tries, age=row.age, told=row.told, overtaken=row.overtaken)

    def settle(self, delivery: UUID, state: DeliveryState, *, error: str = "") -> bool:
        """It has come to its end; False: it had before."""
        values = {"delivery": delivery, "state": state.value, "error": shorten(error, _LONGEST_ERROR) or None}
        with transaction(self._engine) as connection:
            return bool(connection.scalar(_SETTLE, values))

    def again(self, delivery: UUID, *, after: timedelta, error: str) -> None:
        """It was not taken, and comes again."""
        mine = (alert_deliveries.c.id == delivery, alert_deliveries.c.state == DeliveryState.WAITING.value)
        values = {"next_try_at": func.now() + after, "error": shorten(error, _LONGEST_ERROR)}
        with transaction(self._engine) as connection:
            connection.execute(update(alert_deliveries).where(*mine).values(values))

    def pause(self, channel: str, *, lasts: timedelta) -> None:
        """Nothing goes to this channel for a while: it asked for that. What comes meanwhile waits too."""
        columns = alert_deliveries.c
        waiting = (columns.channel == channel, columns.state == DeliveryState.WAITING.value)
        values = {"next_try_at": func.greatest(columns.next_try_at, func.now() + lasts)}
        values["paused_until"] = func.greatest(columns.paused_until, func.now() + lasts)
        with transaction(self._engine) as connection:
            connection.execute(update(alert_deliveries).where(*waiting).values(values))

    def anew(self, channels: Collection[str]) -> int:
        """What these channels never took, and is about what is still open, is tried as if it were new; how many."""
        with transaction(self._engine) as connection:
            return connection.execute(_ANEW, {"channels": list(channels)}).rowcount

    def forsake(self, channels: Collection[str]) -> None:
        """What waits for a channel that the settings no longer name is given up, and says so."""
        columns = alert_deliveries.c
        waiting = (columns.state == DeliveryState.WAITING.value, columns.channel.not_in(list(channels)))
        statement = select(columns.id, columns.channel).where(*waiting)
        with transaction(self._engine) as connection:
            rows = connection.execute(statement).all()
        for row in rows:
            self.settle(row.id, DeliveryState.FAILED, error=f"the settings name no channel {row.channel} any more")

    def record(self, message: Message, channel: str, *, error: str) -> None:
        """List a message that was sent without the outbox: a test."""
        state = DeliveryState.FAILED if error else DeliveryState.SENT
        said = {
            "id": message.id,
            "kind": message.kind.value,
            "severity": message.severity.value,
            "alert_group": message.group,
            "dedup_key": message.dedup_key,
            "episode_id": message.episode,
            "message": shorten(message.message, 2000),
            "details": clean(dict(message.details)),
            "created_at": message.created_at,
        }
        done = {
            "message_id": message.id,
            "episode_id": message.episode,
            "channel": channel,
            "state": state.value,
            "tries": 1,
            "error": shorten(error, _LONGEST_ERROR) or None,
            "sent_at": None if error else func.now(),
            "failed_at": func.now() if error else None,
        }
        with transaction(self._engine) as connection:
            connection.execute(insert(alert_messages).values(said))
            connection.execute(insert(alert_deliveries).values(done))
            connection.execute(text("SELECT note_told(:id)"), {"id": message.id})

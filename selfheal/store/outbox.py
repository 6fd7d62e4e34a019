"""The outbox: what a person must be told, written in the transaction of what it tells of, so that none is lost.

A turn takes what is new in it, lets `policy.alerting` decide, and writes messages and deliveries, all in one
transaction.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, Row, func, insert, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.engine import Connection

from selfheal.model.alert import Alert, DeliveryState, Episode, OpenAlert, Severity
from selfheal.model.alert_rules import Rules
from selfheal.policy.alert_messages import Addressed
from selfheal.policy.alerting import Decided, Standing, decide
from selfheal.store.alert_rows import episode_of, open_alert_of
from selfheal.store.engine import transaction
from selfheal.store.forgetting import in_batches
from selfheal.store.silences import in_force
from selfheal.store.tables import alert_deliveries, alert_episodes, alert_messages, alert_outbox, alerts
from selfheal.store.text import clean, identifier, shorten

_AT_ONCE = 500
_LONGEST_MESSAGE = 2000
_ONE_AT_A_TIME = text("SELECT pg_try_advisory_xact_lock(hashtext('selfheal.alerts'))")
_NOTE_ENDS = text("SELECT note_ends()")
_FORGET = text("SELECT forget_alerts(:older)")
_NOTE_TOLD = text("SELECT note_told(m) FROM unnest(CAST(:ids AS uuid[])) m")
_EPISODE = text(
    """INSERT INTO alert_episodes AS e (id, alert_group, severity, window_began, told, held, total, is_open,
                                       last_told_at)
       VALUES (:id, :alert_group, :severity, :window_began, :told, :held, :total, :is_open, :last_told_at)
       ON CONFLICT (id) DO UPDATE SET window_began = excluded.window_began, told = excluded.told, held = excluded.held,
           total = excluded.total, is_open = excluded.is_open, last_told_at = excluded.last_told_at"""
)
# A person's word stays as they gave it, unless it is void by now.
_ALERT = text(
    """INSERT INTO alerts AS a (id, dedup_key, alert_group, severity, message, component, episode_id, held, occurrences,
                              raised_at, acknowledgement_told, resolved_at)
       VALUES (:id, :dedup_key, :alert_group, :severity, :message, :component, CAST(:episode_id AS uuid), :held,
               :occurrences, :raised_at, :acknowledgement_told, CAST(:resolved_at AS timestamptz))
       ON CONFLICT (id) DO UPDATE SET severity = excluded.severity, message = excluded.message,
           episode_id = excluded.episode_id, held = excluded.held, occurrences = excluded.occurrences,
           acknowledged_at = CASE WHEN NOT CAST(:free AS boolean) THEN a.acknowledged_at END,
           acknowledged_by = CASE WHEN NOT CAST(:free AS boolean) THEN a.acknowledged_by END,
           acknowledged_why = CASE WHEN NOT CAST(:free AS boolean) THEN a.acknowledged_why END,
           acknowledgement_told = excluded.acknowledgement_told, resolved_at = excluded.resolved_at"""
)
# What is CRITICAL and could be decided, or be sent, now: the second part asks as `store.deliveries` claims.
_URGENT = text(
    """SELECT EXISTS (SELECT FROM alert_outbox o WHERE o.routed_at IS NULL AND o.severity = 'CRITICAL')
           OR EXISTS (SELECT FROM alert_deliveries w JOIN alert_messages m ON m.id = w.message_id
                      WHERE w.state = 'WAITING' AND w.tries = 0 AND w.next_try_at <= now() AND m.severity = 'CRITICAL'
                        AND w.channel = ANY (:channels)
                        AND NOT EXISTS (SELECT FROM alert_deliveries p WHERE p.channel = w.channel
                                        AND p.state = 'WAITING' AND p.paused_until > now())
                        AND NOT EXISTS (SELECT FROM alert_deliveries e
                                        WHERE e.channel = w.channel AND e.episode_id = w.episode_id
                                          AND e.state = 'WAITING' AND e.place < w.place))"""
)
_CHANNELS = text(
    """SELECT d.episode_id, array_agg(DISTINCT d.channel::text) AS channels FROM alert_deliveries d
       WHERE d.episode_id = ANY (:ids) AND d.state IN ('WAITING', 'SENT') GROUP BY d.episode_id"""
)


class Outbox:
    """The outbox.

    Args:
        engine: the database, as healing_user.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def note_ends(self) -> None:
        """Write down the end of what ends by time, or by what somebody sees."""
        with transaction(self._engine) as connection:
            connection.execute(_NOTE_ENDS)

    def route(self, rules: Rules) -> int:
        """Decide about what is new, and about what is due: how many rows were taken.

        One process at a time, in one transaction: a process that dies in it has decided nothing. Without a channel
        nothing is decided, and everything waits.
        """
        if not rules.channels:
            return 0
        with transaction(self._engine) as connection:
            if not connection.scalar(_ONE_AT_A_TIME):
                return 0
            now = connection.execute(select(func.clock_timestamp())).scalar_one()
            events = _new(connection)
            decided = decide(events, _standing(connection, rules, now), rules, now)
            _write(connection, decided, now)
            taken = [one.id for one in events]
            connection.execute(update(alert_outbox).where(alert_outbox.c.id.in_(taken)).values(routed_at=now))
        return len(events)

    def urgent(self, channels: Collection[str]) -> bool:
        """See `ports.AlertOutbox.urgent`."""
        with transaction(self._engine) as connection:
            return bool(connection.scalar(_URGENT, {"channels": list(channels)}))

    def put(self, rows: Sequence[Alert]) -> None:
        """Write rows that were made elsewhere, each once by its id: the spool's."""
        values = [
            {
                "id": one.id,
                "kind": "RESOLVED" if one.resolved else "RAISED",
                "severity": one.severity.value,
                "dedup_key": identifier(one.dedup_key, 200),
                "message": shorten(one.message, _LONGEST_MESSAGE),
                "details": clean(dict(one.details)),
                "created_at": one.created_at,
            }
            for one in rows
        ]
        with transaction(self._engine) as connection:
            if values:
                connection.execute(upsert(alert_outbox).on_conflict_do_nothing(), values)

    def forget(self, older: timedelta) -> int:
        """Drop what was over, sent or given up longer ago; how many rows that were."""
        return in_batches(self._engine, _FORGET, older)

    def unsent(self) -> int:
        """How many wait: not decided yet, or not delivered."""
        waiting = alert_deliveries.c.state == DeliveryState.WAITING.value
        with transaction(self._engine) as connection:
            new = select(func.count()).select_from(alert_outbox).where(alert_outbox.c.routed_at.is_(None))
            messages = select(func.count(alert_deliveries.c.message_id.distinct())).where(waiting)
            return (connection.scalar(new) or 0) + (connection.scalar(messages) or 0)


def _new(connection: Connection) -> list[Alert]:
    columns = alert_outbox.c
    statement = select(alert_outbox).where(columns.routed_at.is_(None)).order_by(columns.created_at, columns.id)
    return [_alert(row) for row in connection.execute(statement.limit(_AT_ONCE).with_for_update(skip_locked=True))]


def _alert(row: Row[Any]) -> Alert:
    return Alert(
        id=row.id,
        resolved=row.kind == "RESOLVED",
        severity=Severity(row.severity),
        dedup_key=row.dedup_key,
        message=row.message,
        details=row.details if isinstance(row.details, dict) else {},
        created_at=row.created_at,
    )


def _standing(connection: Connection, rules: Rules, now: datetime) -> Standing:
    """What is open; a person who acknowledges something at this moment waits for the end of the turn."""
    columns = alerts.c
    still = select(alerts).where(columns.resolved_at.is_(None)).order_by(columns.raised_at).with_for_update()
    found = [open_alert_of(row) for row in connection.execute(still)]
    episode = alert_episodes.c
    theirs = {one.episode for one in found if one.episode is not None}
    wanted = or_(episode.is_open, episode.held > 0, episode.window_began > now - rules.window, episode.id.in_(theirs))
    rows = connection.execute(select(alert_episodes).where(wanted)).all()
    told = dict(connection.execute(_CHANNELS, {"ids": [row.id for row in rows]}).tuples().all())
    episodes = [episode_of(row, told.get(row.id, ())) for row in rows]
    return Standing(alerts=found, episodes=episodes, silences=in_force(connection))


def _write(connection: Connection, decided: Decided, now: datetime) -> None:
    """Episodes before their alerts, ended alerts before those that open the same key anew."""
    if decided.episodes:
        connection.execute(_EPISODE, [_episode_row(one) for one in decided.episodes])
    ended = [one for one in decided.alerts if one.resolved_at is not None]
    still = [one for one in decided.alerts if one.resolved_at is None]
    for some in (ended, still):
        if some:
            connection.execute(_ALERT, [_alert_row(one) for one in some])
    said = [one for one in decided.messages if one.states]
    if not said:
        return
    connection.execute(upsert(alert_messages).on_conflict_do_nothing(), [_message_row(one) for one in said])
    connection.execute(insert(alert_deliveries), list(_delivery_rows(said, now)))
    over = [one.message.id for one in said if DeliveryState.WAITING not in one.states.values()]
    connection.execute(_NOTE_TOLD, {"ids": over})


def _episode_row(episode: Episode) -> dict[str, Any]:
    return {
        "id": episode.id,
        "alert_group": episode.group,
        "severity": episode.severity.value,
        "window_began": episode.window_began,
        "told": episode.told,
        "held": episode.held,
        "total": episode.total,
        "is_open": episode.is_open,
        "last_told_at": episode.last_told_at,
    }


def _alert_row(alert: OpenAlert) -> dict[str, Any]:
    return {
        "id": alert.id,
        "dedup_key": alert.dedup_key,
        "alert_group": alert.group,
        "severity": alert.severity.value,
        "message": shorten(alert.message, _LONGEST_MESSAGE),
        "component": identifier(alert.component, 100),
        "episode_id": alert.episode,
        "held": alert.held,
        "occurrences": alert.occurrences,
        "raised_at": alert.raised_at,
        "free": not alert.acknowledged_by,
        "acknowledgement_told": alert.acknowledgement_told,
        "resolved_at": alert.resolved_at,
    }


def _message_row(one: Addressed) -> dict[str, Any]:
    said = one.message
    return {
        "id": said.id,
        "kind": said.kind.value,
        "severity": said.severity.value,
        "alert_group": said.group,
        "dedup_key": said.dedup_key,
        "episode_id": said.episode,
        "message": shorten(said.message, _LONGEST_MESSAGE),
        "details": clean(dict(said.details)),
        "created_at": said.created_at,
    }


def _delivery_rows(said: Sequence[Addressed], now: datetime) -> Iterable[dict[str, Any]]:
    for one in said:
        for channel, state in one.states.items():
            yield {
                "message_id": one.message.id,
                "episode_id": one.message.episode,
                "channel": channel,
                "state": state.value,
                "sent_at": now if state is DeliveryState.SENT else None,
            }

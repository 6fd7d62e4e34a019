"""`intake_alerts`: what other systems tell us, written with the triggers that it raises before anybody is answered."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import Engine, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from selfheal.model.external_alert import AlertState, ExternalAlert, KnownAlert, Taken
from selfheal.store.engine import transaction
from selfheal.store.forgetting import in_batches
from selfheal.store.text import clean, identifier, shorten

APART = timedelta(seconds=30)
"""Triggers of one component that alerts have raised are due no faster than this."""
MOST = 50
"""Open alerts of one component, and refused names of one webhook; more are counted together."""
KEPT = timedelta(days=30)
_TAKE = text(
    """SELECT raised, counted, resolved, refused
       FROM take_alerts(:webhook, :sent_by, :alerts, CAST(ROW(:quiet, :apart, :most) AS intake_limits))"""
).bindparams(bindparam("alerts", type_=JSONB))
_FORGET = text("SELECT forget_intake(:older)")
_NEWEST = text(
    """SELECT i.webhook, i.component, i.state, coalesce(nullif(i.refusal, ''), i.reason) AS reason, i.deliveries,
              i.sent_by, i.first_at, i.last_at, coalesce(h.decision, '') AS decision
       FROM intake_alerts i
       LEFT JOIN trigger_answers a ON a.trigger_id = i.trigger_id LEFT JOIN healing_triggers h ON h.id = a.decision_id
       ORDER BY i.last_at DESC LIMIT :limit"""
)


class Intake:
    """The store of other systems' alerts.

    Args:
        engine: the database, as the web server or as healing_user.
        quiet: an open alert that was not delivered again for so long is over.
    """

    def __init__(self, engine: Engine, *, quiet: timedelta) -> None:
        self._engine = engine
        self._quiet = quiet

    def take(self, webhook: str, alerts: Sequence[ExternalAlert], *, sent_by: str) -> Taken:
        """Keep what one delivery holds, all of it or nothing, and raise what is new.

        Raises:
            Transient: nothing was kept; its sender must try again.
        """
        given = {
            "webhook": identifier(webhook, 50),
            "sent_by": identifier(sent_by, 100),
            "alerts": [_row(one) for one in alerts],
            "quiet": self._quiet,
            "apart": APART,
            "most": MOST,
        }
        with transaction(self._engine) as connection:
            return Taken(**connection.execute(_TAKE, given).one()._asdict())

    def newest(self, *, limit: int) -> Sequence[KnownAlert]:
        """The alerts that were delivered last."""
        with transaction(self._engine) as connection:
            rows = connection.execute(_NEWEST, {"limit": limit}).all()
        return [KnownAlert(**{**row._asdict(), "state": AlertState(row.state)}) for row in rows]

    def forget(self) -> int:
        """Forget what was not delivered for 30 days, and what that had raised; how many rows those were."""
        return in_batches(self._engine, _FORGET, KEPT)


def _row(one: ExternalAlert) -> dict[str, object]:
    """As the columns take it."""
    cut = {"component": identifier(one.component, 100), "reason": shorten(one.reason, 500)}
    row: dict[str, object] = clean(one.as_json() | cut | {"refusal": shorten(one.refusal, 200)})
    return row | {"key": one.key}  # a name of ours: what looks like a secret in it is none

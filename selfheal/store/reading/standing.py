"""How the whole stands, in as few statements as that takes."""

from sqlalchemy import Engine, text

from selfheal.model.overview import Counts, Standing
from selfheal.store.engine import transaction
from selfheal.store.health import HealthHistory
from selfheal.store.pauses import Pauses
from selfheal.store.storms import Storms

_COUNTS = text(
    """SELECT now() AS at, f.sick, f.needs_person,
              (SELECT count(DISTINCT a.fault_id) FROM healing_actions a
               WHERE a.status IN ('PENDING', 'RUNNING')) AS healing,
              (SELECT count(*) FROM approval_states s WHERE s.state = 'OPEN') AS approvals,
              (SELECT count(*) FROM alert_outbox o WHERE o.routed_at IS NULL)
              + (SELECT count(DISTINCT d.message_id) FROM alert_deliveries d WHERE d.state = 'WAITING') AS alerts,
              (SELECT count(*) FROM faults m WHERE m.start_missed_at > now() - interval '24 hours') AS missed_starts,
              (SELECT count(*) FROM healing_actions a
               WHERE a.created_at > now() - interval '24 hours' AND a.fault_id IS NOT NULL) AS actions
       FROM (SELECT count(*) FILTER (WHERE prediction_id IS NULL) AS sick, count(needs_person) AS needs_person
             FROM faults WHERE closed_at IS NULL) f"""
)


class Standings:
    """Reads how the whole stands.

    Args:
        engine: the database, as any role that may read.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._pauses = Pauses(engine)
        self._storms = Storms(engine)
        self._health = HealthHistory(engine)

    def now(self) -> Standing:
        """The counts, the kill switch, storms and watchers."""
        with transaction(self._engine) as connection:
            counts = Counts(**connection.execute(_COUNTS).one()._asdict())
        return Standing(
            counts=counts,
            paused=self._pauses.current(),
            storms=self._storms.current(),
            watches=self._health.watches(),
        )

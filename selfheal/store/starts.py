"""What waits for its heal in Postgres: noted when it is seen, told of when the heal does not begin in time.

The watcher notes what it raises; each turn of reconcile looks for starts that were missed; `status` reads them.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from sqlalchemy import Engine, func, select, text

from selfheal.model.admission import Costs, Limits, Place
from selfheal.model.report import MissedStart
from selfheal.model.trigger import Priority, Trigger
from selfheal.store.admission_values import LIMITS, REQUEST, limits_of, request_of
from selfheal.store.engine import transaction
from selfheal.store.forgetting import in_batches
from selfheal.store.tables import faults

_NOTE = text(f"SELECT note_sick({REQUEST}, {LIMITS})")
_MISSED = text("SELECT note_missed_starts(ROW(:CRITICAL, :HIGH, :MEDIUM, :LOW)::start_deadlines)")
_RESTING = text("SELECT note_resting(ROW(:CRITICAL, :HIGH, :MEDIUM, :LOW)::start_deadlines)")
_FORGET = text("SELECT forget_answers(:older)")
_HOLDS = text(
    """SELECT id::text FROM pauses WHERE ended_at IS NULL AND (until IS NULL OR until > now())
       UNION ALL SELECT id::text FROM maintenance_windows WHERE begins_at <= now() AND ends_at > now()
       UNION ALL SELECT id::text FROM storms WHERE ended_at IS NULL AND go_at IS NULL AND quiet_at > now()"""
)
_REFUSALS_KEPT = timedelta(days=1)
_SHOWN = timedelta(days=1)


class Starts:
    """The store of starts.

    Args:
        engine: the database, as healing_user.
        limits: what makes a storm.
        within: the deadline of each priority.
    """

    def __init__(self, engine: Engine, limits: Limits, within: Mapping[Priority, timedelta]) -> None:
        self._engine = engine
        self._limits = limits_of(limits)
        self._within: dict[str, timedelta] = {priority.value: deadline for priority, deadline in within.items()}

    def note(self, trigger: Trigger, place: Place) -> bool:
        """A trigger waits for its turn: its fault is open from now on. False: it is already, or is healed by now."""
        with transaction(self._engine) as connection:
            return bool(connection.scalar(_NOTE, request_of(trigger, place, (), {}, Costs()) | self._limits))

    def note_missed(self) -> int:
        """Mark the faults whose heal did not begin in time, with one alert for all of them; how many there were."""
        with transaction(self._engine) as connection:
            return int(connection.scalar(_MISSED, self._within) or 0)

    def note_resting(self) -> int:
        """Tell of faults that cool down and are older than their heal may take to begin, once each; how many."""
        with transaction(self._engine) as connection:
            return int(connection.scalar(_RESTING, self._within) or 0)

    def holds(self) -> frozenset[str]:
        """Pauses, maintenance windows and storms that keep heals back now, by id."""
        with transaction(self._engine) as connection:
            return frozenset(connection.scalars(_HOLDS))

    def forget(self) -> int:
        """Drop the answers to triggers that were refused more than a day ago; how many those were."""
        return in_batches(self._engine, _FORGET, _REFUSALS_KEPT)


class MissedStarts:
    """The same for people.

    Args:
        engine: the database, as any role that may read.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def lately(self) -> Sequence[MissedStart]:
        """Those of the last 24 hours, the newest first."""
        columns = faults.c
        statement = select(faults).where(columns.start_missed_at > func.now() - _SHOWN)
        with transaction(self._engine) as connection:
            rows = connection.execute(statement.order_by(columns.start_missed_at.desc())).all()
        return [
            MissedStart(
                component=row.component, priority=row.priority, since=row.start_from, missed_at=row.start_missed_at
            )
            for row in rows
        ]

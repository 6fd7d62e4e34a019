"""Forgets what was measured: whole days and months, dropped; the `retention` flow calls this.

All of it through functions of the owner's: healing_user drops and deletes nothing by itself.
"""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import Engine, Interval, bindparam, text

from selfheal.model.retention import Keep, OldPartition
from selfheal.store.engine import transaction
from selfheal.store.forgetting import in_batches

_AHEAD_DAYS = 2
_KEEP = (bindparam("raw", type_=Interval), bindparam("rollups", type_=Interval))
_OLD = text("SELECT name, until, bytes FROM old_health_partitions(:raw, :rollups)").bindparams(*_KEEP)
_DROP = text("SELECT drop_health_partition(:raw, :rollups)").bindparams(*_KEEP)
_RUNS = text("SELECT forget_runs(:older)").bindparams(bindparam("older", type_=Interval))
_LOGS = text("SELECT forget_logs(:older)").bindparams(bindparam("older", type_=Interval))
_PREDICTIONS = text("SELECT forget_predictions(:older)").bindparams(bindparam("older", type_=Interval))
_RECORDS = text("SELECT forget_records(:older)").bindparams(bindparam("older", type_=Interval))
_PREDICTIONS_KEPT = timedelta(days=400)
_LOGS_KEPT = timedelta(days=30)  # what a replay looks back by itself
_AHEAD = text("SELECT ensure_health_partition(current_date + n) FROM generate_series(0, :days) n")


class Retention:
    """What is forgotten in the end.

    Args:
        engine: the database, as healing_user.
        keep: how long.
    """

    def __init__(self, engine: Engine, keep: Keep) -> None:
        self._engine, self._keep = engine, keep

    def old(self) -> Sequence[OldPartition]:
        """The partitions that would be dropped now, the oldest first."""
        with transaction(self._engine) as connection:
            rows = connection.execute(_OLD, {"raw": self._keep.raw, "rollups": self._keep.rollups}).all()
        return [OldPartition(name=row.name, until=row.until, size_bytes=row.bytes) for row in rows]

    def drop_one(self) -> str | None:
        """Drop the oldest; gives its name. None: there is none left, or another run is at it.

        Raises:
            Transient: somebody reads or writes there and goes on for longer than 300 ms: writers never wait for us.
        """
        with transaction(self._engine) as connection:
            name = connection.scalar(_DROP, {"raw": self._keep.raw, "rollups": self._keep.rollups})
        return None if name is None else str(name)

    def forget_runs(self, older: timedelta | None = None) -> int:
        """How many signatures of flow runs were forgotten."""
        return in_batches(self._engine, _RUNS, older or self._keep.runs)

    def forget_logs(self) -> int:
        """How many rows of what was counted in logs were forgotten; gaps are kept for a year."""
        return in_batches(self._engine, _LOGS, _LOGS_KEPT)

    def forget_predictions(self) -> int:
        """How many rows were forgotten of predictions of which it is long known what became of them."""
        return in_batches(self._engine, _PREDICTIONS, _PREDICTIONS_KEPT)

    def forget_records(self) -> int:
        """How many refusals, alerts told, triggers raised and errors of logs were forgotten."""
        return in_batches(self._engine, _RECORDS, self._keep.records)

    def prepare_days(self) -> None:
        """Make the partitions of today and of the next days, so that nobody makes them at midnight."""
        with transaction(self._engine) as connection:
            connection.execute(_AHEAD, {"days": _AHEAD_DAYS})

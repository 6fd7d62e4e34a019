"""What was measured in 5 minutes each, read for the forecast: all series at once, packed as the database sends them.

A series is found by its name, never by the time alone: a month of all series is read otherwise for five minutes of it.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy import Engine, text

from selfheal.model.forecast import Name, Packed
from selfheal.store.engine import transaction

# From one series to the next: the key of each month is asked once for each of them, and once whether it is that young.
# A condition on the time itself would make each step walk over all of a series' month.
_SERIES = text(
    """WITH RECURSIVE known (component, metric) AS (
           (SELECT r.component, r.metric FROM health_rollup r WHERE r.bucket >= :month
            ORDER BY r.component, r.metric LIMIT 1)
           UNION ALL
           SELECT n.component, n.metric FROM known k CROSS JOIN LATERAL (
               SELECT r.component, r.metric FROM health_rollup r
               WHERE (r.component, r.metric) > (k.component, k.metric) AND r.bucket >= :month
               ORDER BY r.component, r.metric LIMIT 1) n
       )
       SELECT k.component, k.metric FROM known k
       WHERE EXISTS (SELECT FROM health_rollup r
                     WHERE r.component = k.component AND r.metric = k.metric AND r.bucket >= :since)"""
)
_READ = text(
    """SELECT s.place,
              string_agg(int4send(((extract(epoch FROM r.bucket) - :first) / 300)::int4), ''::bytea) AS buckets,
              string_agg(float8send(coalesce(r.max, 'NaN')), ''::bytea) AS highest,
              string_agg(int4send(r.down), ''::bytea) AS down
       FROM unnest(CAST(:components AS text[]), CAST(:metrics AS text[]))
            WITH ORDINALITY AS s (component, metric, place)
       JOIN health_rollup r ON r.component = s.component AND r.metric = s.metric
       WHERE r.bucket >= :since AND r.bucket < :until
       GROUP BY s.place"""
)
_LOWS = text(
    """SELECT r.component, r.metric, (extract(epoch FROM r.bucket) / 300)::int AS bucket, r.min, r.max
       FROM unnest(CAST(:components AS text[]), CAST(:metrics AS text[])) AS s (component, metric)
       JOIN health_rollup r ON r.component = s.component AND r.metric = s.metric
       WHERE r.bucket >= :since AND r.bucket < :until"""
)
_ERRORS = text(
    """SELECT p.component, sum(c.hits)::bigint AS errors,
              floor(extract(epoch FROM CAST(:until AS timestamptz) - interval '10 seconds' - c.at) / 3600)::int AS hour
       FROM log_counts c JOIN log_positions p ON p.source = c.source
       WHERE c.at > CAST(:until AS timestamptz) - interval '10 seconds' - CAST(:hours AS int) * interval '1 hour'
         AND c.at <= CAST(:until AS timestamptz) - interval '10 seconds'
       GROUP BY 1, 3"""
)


class Rollups:
    """Reads `health_rollup`, and the counts of logs.

    Args:
        engine: the database, as healing_user.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def series(self, since: datetime) -> Sequence[Name]:
        """See `ports.PredictionStore.series`."""
        month = since.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        with transaction(self._engine) as connection:
            rows = connection.execute(_SERIES, {"since": since, "month": month}).all()
        return [(row.component, row.metric) for row in rows]

    def read(self, names: Sequence[Name], *, since: datetime, until: datetime) -> Sequence[Packed]:
        """See `ports.PredictionStore.read`."""
        asked = {**_columns(names), "since": since, "until": until, "first": since.timestamp()}
        with transaction(self._engine) as connection:
            rows = connection.execute(_READ, asked).all()
        return [
            Packed(
                name=names[row.place - 1],
                buckets=bytes(row.buckets),
                highest=bytes(row.highest),
                down=bytes(row.down),
            )
            for row in rows
        ]

    def lows(
        self, names: Sequence[Name], *, since: datetime, until: datetime
    ) -> Mapping[Name, Mapping[int, tuple[float, float]]]:
        """See `ports.PredictionStore.lows`."""
        found: dict[Name, dict[int, tuple[float, float]]] = {}
        with transaction(self._engine) as connection:
            for row in connection.execute(_LOWS, {**_columns(names), "since": since, "until": until}):
                values = (_number(row.min), _number(row.max))
                found.setdefault((row.component, row.metric), {})[row.bucket] = values
        return found

    def errors(self, until: datetime, *, hours: int) -> Mapping[str, Sequence[int]]:
        """See `ports.PredictionStore.errors`."""
        found: dict[str, list[int]] = {}
        with transaction(self._engine) as connection:
            for row in connection.execute(_ERRORS, {"until": until, "hours": hours}):
                if 0 <= row.hour < hours:
                    found.setdefault(row.component, [0] * hours)[row.hour] = row.errors
        return found


def _columns(names: Sequence[Name]) -> dict[str, list[str]]:
    return {"components": [one for one, _ in names], "metrics": [one for _, one in names]}


def _number(value: float | None) -> float:
    return math.nan if value is None else value

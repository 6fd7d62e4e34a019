"""What people read about logs: how far each was read, what was lost, what was found."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine, text

from selfheal.store.engine import transaction

_LOGS = text(
    """SELECT p.*,
              coalesce((SELECT sum(c.hits) FROM log_counts c
                        WHERE c.source = p.source AND c.at > now() - CAST(:window AS interval)), 0)::bigint AS hits,
              (SELECT count(*) FROM log_gaps g WHERE g.source = p.source) AS gaps,
              (SELECT g.detail FROM log_gaps g WHERE g.source = p.source ORDER BY g.found_at DESC LIMIT 1) AS last_gap
       FROM log_positions p ORDER BY p.source"""
)
_COUNTS = text(
    """SELECT source, pattern, sum(hits)::bigint AS hits, max(at) AS last_at FROM log_counts
       WHERE at > now() - CAST(:window AS interval) GROUP BY source, pattern ORDER BY source, pattern"""
)


@dataclass(frozen=True, kw_only=True)
class LogView:
    """How one log stands.

    Attributes:
        source: as in the settings.
        component: whose log it is.
        place: the file, or the container.
        read_at: when something was committed last.
        lines: of all time.
        bytes: the same.
        cut: lines that were longer than what is looked at.
        behind: bytes that were there and not read, at `read_at`.
        hits: errors within the window.
        gaps: how often lines were lost.
        last_gap: what the last one was.
        trouble: why it cannot be read now.
    """

    source: str
    component: str
    place: str
    read_at: datetime
    lines: int
    bytes: int
    cut: int
    behind: int
    hits: int
    gaps: int
    last_gap: str
    trouble: str


@dataclass(frozen=True, kw_only=True)
class LogCount:
    """What was found of one pattern within the window.

    Attributes:
        source: the log.
        pattern: its name.
        hits: how many lines.
        last_at: within the ten seconds from then on the last one.
    """

    source: str
    pattern: str
    hits: int
    last_at: datetime


class LogViews:
    """Read only.

    Args:
        engine: the database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def logs(self, window: timedelta) -> Sequence[LogView]:
        """Every log that is or was followed."""
        with transaction(self._engine) as connection:
            rows = connection.execute(_LOGS, {"window": window}).all()
        return [
            LogView(
                source=row.source,
                component=row.component,
                place=row.place,
                read_at=row.read_at,
                lines=row.lines,
                bytes=row.bytes,
                cut=row.cut,
                behind=row.behind,
                hits=row.hits,
                gaps=row.gaps,
                last_gap=row.last_gap or "",
                trouble=row.trouble or "",
            )
            for row in rows
        ]

    def counts(self, window: timedelta) -> Sequence[LogCount]:
        """What was found within the window."""
        with transaction(self._engine) as connection:
            rows = connection.execute(_COUNTS, {"window": window}).all()
        return [LogCount(source=row.source, pattern=row.pattern, hits=row.hits, last_at=row.last_at) for row in rows]

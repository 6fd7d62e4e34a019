"""What people read about logs: how far each was read, what was lost, what was found."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, Row, select, text

from selfheal.model.admission import Decision
from selfheal.model.log import LogSeverity
from selfheal.model.log_report import ErrorFilter, ErrorLine, ErrorStatus, GapLine, SuspicionLine
from selfheal.model.page import Page, Slice
from selfheal.store.engine import transaction
from selfheal.store.reading.keyset import page_of
from selfheal.store.tables import system_errors

_LOGS = text(
    """SELECT p.*,
              coalesce((SELECT sum(c.hits) FROM log_counts c
                        WHERE c.source = p.source AND c.at > now() - CAST(:window AS interval)), 0)::bigint AS hits,
              (SELECT count(*) FROM log_gaps g WHERE g.source = p.source) AS gaps,
              (SELECT g.detail FROM log_gaps g WHERE g.source = p.source ORDER BY g.found_at DESC LIMIT 1) AS last_gap
       FROM log_positions p ORDER BY p.source LIMIT :limit"""
)
_COUNTS = text(
    """SELECT source, pattern, sum(hits)::bigint AS hits, max(at) AS last_at FROM log_counts
       WHERE at > now() - CAST(:window AS interval) GROUP BY source, pattern ORDER BY source, pattern LIMIT :limit"""
)
# Of each log the newest, which its index gives; a year of all of them is not sorted.
_GAPS = text(
    """SELECT g.* FROM log_positions p CROSS JOIN LATERAL (
           SELECT * FROM log_gaps o WHERE o.source = p.source ORDER BY o.found_at DESC LIMIT :limit) g
       ORDER BY g.found_at DESC, g.id DESC LIMIT :limit"""
)
_SUSPICIONS = text(
    """SELECT s.*, t.decision, t.reason AS why, t.attempt_id, t.fault_id
       FROM (SELECT * FROM log_triggers l ORDER BY l.raised_at DESC LIMIT :limit) s
       LEFT JOIN trigger_answers a ON a.trigger_id = s.id LEFT JOIN healing_triggers t ON t.id = a.decision_id
       ORDER BY s.raised_at DESC, s.id DESC"""
)
_ERRORS = system_errors.c


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

    def logs(self, window: timedelta, *, limit: int | None = None) -> Sequence[LogView]:
        """Every log that is or was followed, by name; at most so many."""
        with transaction(self._engine) as connection:
            rows = connection.execute(_LOGS, {"window": window, "limit": limit}).all()
        return [_log(row) for row in rows]

    def counts(self, window: timedelta, *, limit: int | None = None) -> Sequence[LogCount]:
        """What was found within the window, by log and pattern; at most so many."""
        with transaction(self._engine) as connection:
            rows = connection.execute(_COUNTS, {"window": window, "limit": limit}).all()
        return [LogCount(source=row.source, pattern=row.pattern, hits=row.hits, last_at=row.last_at) for row in rows]

    def errors(self, wanted: Slice, only: ErrorFilter) -> Page[ErrorLine]:
        """One page of the errors, those that came again last first."""
        statement = select(system_errors)
        if only.component:
            statement = statement.where(_ERRORS.component == only.component)
        if only.status is not None:
            statement = statement.where(_ERRORS.status == only.status.value)
        if only.signature:
            statement = statement.where(_ERRORS.signature.startswith(only.signature, autoescape=True))
        return page_of(self._engine, statement, (_ERRORS.last_occurred, _ERRORS.id), wanted, _error)

    def suspicions(self, *, limit: int) -> Sequence[SuspicionLine]:
        """What lines have suggested, the latest first."""
        with transaction(self._engine) as connection:
            rows = connection.execute(_SUSPICIONS, {"limit": limit}).all()
        return [_suspicion(row) for row in rows]

    def gaps(self, *, limit: int) -> Sequence[GapLine]:
        """What was lost, the latest first."""
        with transaction(self._engine) as connection:
            rows = connection.execute(_GAPS, {"limit": limit}).all()
        return [
            GapLine(id=row.id, source=row.source, kind=row.kind, detail=row.detail, found_at=row.found_at)
            for row in rows
        ]


def _log(row: Row[Any]) -> LogView:
    return LogView(
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


def _error(row: Row[Any]) -> ErrorLine:
    details = row.details if isinstance(row.details, dict) else {}
    return ErrorLine(
        id=row.id,
        component=row.component or "",
        source=str(details.get("source") or ""),
        pattern=str(details.get("pattern") or ""),
        signature=row.signature or "",
        severity=LogSeverity(row.severity),
        status=ErrorStatus(row.status),
        message=row.message,
        count=row.occurrence_count,
        first_at=row.first_occurred,
        last_at=row.last_occurred,
    )


def _suspicion(row: Row[Any]) -> SuspicionLine:
    return SuspicionLine(
        id=row.id,
        source=row.source,
        pattern=row.pattern,
        component=row.component,
        reason=row.reason,
        raised_at=row.raised_at,
        decision=None if row.decision is None else Decision(row.decision),
        why=row.why or "",
        attempt_id=row.attempt_id,
        fault_id=row.fault_id,
    )

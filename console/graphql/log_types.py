"""How far logs are read, what was found in them, what that suggested, and what was lost."""

from datetime import datetime

import strawberry

from console.graphql.page_types import PageInfo
from selfheal.model.log import LogSeverity
from selfheal.model.log_report import ErrorLine, ErrorStatus, GapLine, SuspicionLine
from selfheal.model.page import Cursor, Page
from selfheal.store.reading.logs import LogCount, LogView

strawberry.enum(LogSeverity)
strawberry.enum(ErrorStatus, name="LogErrorStatus")


@strawberry.type
class LogPatternCount:
    """Lines of one pattern within the window."""

    pattern: str
    hits: int
    threshold: int | None
    last_at: datetime

    @classmethod
    def of(cls, count: LogCount, threshold: int | None) -> "LogPatternCount":
        """From the count; a pattern that the settings know no more has no threshold."""
        return cls(pattern=count.pattern, hits=count.hits, threshold=threshold, last_at=count.last_at)


@strawberry.type
class Log:
    """One log, and what its lines came to within the window."""

    name: str
    component: str
    place: str
    followed: bool
    trouble: str
    read_at: datetime
    lines: float
    cut_lines: float
    behind_bytes: float
    hits: int
    gaps: int
    last_gap: str
    patterns: list[LogPatternCount]

    @classmethod
    def of(cls, log: LogView, patterns: list[LogPatternCount], *, followed: bool) -> "Log":
        """From the log. What may be more than GraphQL's integers hold is a float."""
        return cls(
            name=log.source,
            component=log.component,
            place=log.place,
            followed=followed,
            trouble=log.trouble,
            read_at=log.read_at,
            lines=log.lines,
            cut_lines=log.cut,
            behind_bytes=log.behind,
            hits=log.hits,
            gaps=log.gaps,
            last_gap=log.last_gap,
            patterns=patterns,
        )


@strawberry.type
class LogError:
    """Lines of one signature, taken together."""

    id: strawberry.ID
    component: str
    log: str
    pattern: str
    signature: str
    severity: LogSeverity
    status: ErrorStatus
    message: str
    count: int
    first_at: datetime
    last_at: datetime

    @classmethod
    def of(cls, line: ErrorLine) -> "LogError":
        """From the line."""
        return cls(
            id=strawberry.ID(str(line.id)),
            component=line.component,
            log=line.source,
            pattern=line.pattern,
            signature=line.signature,
            severity=line.severity,
            status=line.status,
            message=line.message,
            count=line.count,
            first_at=line.first_at,
            last_at=line.last_at,
        )


@strawberry.type
class LogErrorConnection:
    """One page of errors, those that came again last first."""

    nodes: list[LogError]
    page_info: PageInfo

    @classmethod
    def of(cls, page: Page[ErrorLine]) -> "LogErrorConnection":
        """From the page."""
        info = PageInfo.of(page, lambda one: Cursor(at=one.last_at, id=one.id))
        return cls(nodes=[LogError.of(one) for one in page.items], page_info=info)


@strawberry.type
class LogSuspicion:
    """What lines suggested, and what admission answered; null: it is due."""

    id: strawberry.ID
    log: str
    pattern: str
    component: str
    reason: str
    raised_at: datetime
    decision: str | None
    why: str
    attempt_id: strawberry.ID | None
    fault_id: strawberry.ID | None

    @classmethod
    def of(cls, line: SuspicionLine) -> "LogSuspicion":
        """From the line."""
        return cls(
            id=strawberry.ID(str(line.id)),
            log=line.source,
            pattern=line.pattern,
            component=line.component,
            reason=line.reason,
            raised_at=line.raised_at,
            decision=line.decision,
            why=line.why,
            attempt_id=None if line.attempt_id is None else strawberry.ID(str(line.attempt_id)),
            fault_id=None if line.fault_id is None else strawberry.ID(str(line.fault_id)),
        )


@strawberry.type
class LogGap:
    """Lines that nobody can count."""

    log: str
    kind: str
    detail: str
    found_at: datetime

    @classmethod
    def of(cls, line: GapLine) -> "LogGap":
        """From the line."""
        return cls(log=line.source, kind=line.kind, detail=line.detail, found_at=line.found_at)

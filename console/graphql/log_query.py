"""What can be asked about logs; a part of `Query`."""

import strawberry
from strawberry import UNSET

from console.graphql.context import Info, length, part
from console.graphql.log_types import Log, LogErrorConnection, LogGap, LogPatternCount, LogSuspicion
from selfheal.model.log_report import ErrorFilter, ErrorStatus


@strawberry.type
class LogQuery:
    """What people read of logs."""

    @strawberry.field(description="The logs that are or were followed, by name, and what was found within the window.")
    async def logs(self, info: Info, limit: int | None = 50) -> list[Log]:
        """Some of them."""
        rows, views, settings = length(limit), info.context.services.logs, info.context.services.settings.log_monitor
        found, counts = await info.context.read(
            lambda: (views.logs(settings.window, limit=rows), views.counts(settings.window))
        )
        thresholds = {one.name: one.threshold for one in settings.rules().patterns}
        return [
            Log.of(
                log,
                [LogPatternCount.of(one, thresholds.get(one.pattern)) for one in counts if one.source == log.source],
                followed=log.source in settings.sources,
            )
            for log in found
        ]

    @strawberry.field(description="The errors of logs, those that came again last first, by pages.")
    async def log_errors(  # noqa: PLR0913, PLR0917 - each is an argument of the field
        self,
        info: Info,
        first: int | None = 50,
        after: str | None = UNSET,
        component: str | None = UNSET,
        status: ErrorStatus | None = UNSET,
        signature: str | None = UNSET,
    ) -> LogErrorConnection:
        """One page; `signature`: its beginning."""
        only = ErrorFilter(component=component or "", status=status or None, signature=(signature or "").lower())
        wanted, views = part(first, after or None), info.context.services.logs
        return LogErrorConnection.of(await info.context.read(lambda: views.errors(wanted, only)))

    @strawberry.field(description="What lines of logs suggested, and what became of it, the latest first.")
    async def log_suspicions(self, info: Info, limit: int | None = 50) -> list[LogSuspicion]:
        """Some of them."""
        rows, views = length(limit), info.context.services.logs
        return [LogSuspicion.of(one) for one in await info.context.read(lambda: views.suspicions(limit=rows))]

    @strawberry.field(description="Lines that were lost, the latest first.")
    async def log_gaps(self, info: Info, limit: int | None = 50) -> list[LogGap]:
        """Some of them."""
        rows, views = length(limit), info.context.services.logs
        return [LogGap.of(one) for one in await info.context.read(lambda: views.gaps(limit=rows))]

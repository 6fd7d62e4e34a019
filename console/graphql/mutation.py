"""Everything that can be done: each mutation is one deed at the desk, which checks the role, and records it."""

from datetime import datetime, timedelta

import strawberry
from strawberry import UNSET

from console.graphql.alert_types import AlertSilence
from console.graphql.context import Info, row_id
from console.graphql.decision_types import (
    Approval,
    Breaker,
    MaintenanceWindow,
    ModeSet,
    Pause,
    StartedRun,
)
from selfheal.model.breaker import BreakerDeed
from selfheal.model.maintenance import Scope
from selfheal.model.mode import ActionMode


@strawberry.type
class Mutation:
    """What people do."""

    @strawberry.mutation(description="Heal a component once, by an action or by its ladder.")
    async def heal(
        self,
        info: Info,
        component: str,
        why: str,
        action: str = "",
        dry_run: bool = False,  # noqa: FBT001, FBT002
    ) -> StartedRun:
        """Starts a run; what becomes of it is read from the attempts."""
        desk = info.context.desk
        started = await info.context.do(lambda: desk.heal(component, action=action, why=why, dry_run=dry_run))
        return StartedRun.of(started)

    @strawberry.mutation(description="Let nothing be healed, until somebody resumes, or for some minutes.")
    async def pause(self, info: Info, why: str, minutes: int | None = UNSET) -> Pause:
        """The kill switch."""
        return Pause.of(await info.context.do(lambda: info.context.desk.pause(why=why, lasts=_minutes(minutes))))

    @strawberry.mutation(description="Let heals be admitted again; gives the pause that ended, null if there was none.")
    async def resume(self, info: Info, why: str) -> Pause | None:
        """The kill switch off."""
        ended = await info.context.do(lambda: info.context.desk.resume(why=why))
        return None if ended is None else Pause.of(ended)

    @strawberry.mutation(description="Plan a window in which nothing in its scope is healed; it begins now, or then.")
    async def plan_maintenance(  # noqa: PLR0913, PLR0917 - each is an argument of the field
        self,
        info: Info,
        scope: Scope,
        minutes: int,
        why: str,
        name: str = "",
        begins_at: datetime | None = UNSET,
    ) -> MaintenanceWindow:
        """A window."""
        lasts, desk = timedelta(minutes=minutes), info.context.desk
        window = await info.context.do(
            lambda: desk.plan_maintenance(scope=scope, name=name, begins_at=begins_at or None, lasts=lasts, why=why)
        )
        return MaintenanceWindow.of(window)

    @strawberry.mutation(description="End a window, or call it off.")
    async def end_maintenance(self, info: Info, id: strawberry.ID, why: str) -> strawberry.ID:  # noqa: A002
        """Gives its id."""
        window = row_id(id)
        await info.context.do(lambda: info.context.desk.end_maintenance(window, why=why))
        return id

    @strawberry.mutation(description="Let heals begin again in every storm that nobody has decided about; how many.")
    async def go_ahead(self, info: Info, why: str) -> int:
        """A person's word in a storm."""
        return await info.context.do(lambda: info.context.desk.go_ahead(why=why))

    @strawberry.mutation(description="Decide in place of a breaker's results; open and close may last some minutes.")
    async def override_breaker(
        self, info: Info, name: str, do: BreakerDeed, why: str, minutes: int | None = UNSET
    ) -> Breaker:
        """Gives the breaker."""
        desk = info.context.desk
        found = await info.context.do(lambda: desk.override_breaker(name, do, why=why, lasts=_minutes(minutes)))
        prevented = await info.context.read(info.context.services.estate.breakers.prevented)
        return Breaker.of(found, prevented.get(found.name, 0))

    @strawberry.mutation(description="Approve what was asked, as it was seen: the fingerprint says what that was.")
    async def approve(self, info: Info, id: strawberry.ID, fingerprint: str, why: str = "") -> Approval:  # noqa: A002
        """Once."""
        return await _answered(info, id, approve=True, fingerprint=fingerprint, why=why)

    @strawberry.mutation(description="Deny what was asked.")
    async def deny(self, info: Info, id: strawberry.ID, fingerprint: str, why: str) -> Approval:  # noqa: A002
        """Once."""
        return await _answered(info, id, approve=False, fingerprint=fingerprint, why=why)

    @strawberry.mutation(description="Take the open alerts of a key, group, component or pattern; how many those were.")
    async def acknowledge_alerts(self, info: Info, match: str, why: str) -> int:
        """People are not reminded of them, and hear who has them."""
        return len(await info.context.do(lambda: info.context.desk.acknowledge(match, why=why)))

    @strawberry.mutation(description="Let nobody be told of the alerts of a key, group, component or pattern.")
    async def silence_alerts(self, info: Info, match: str, minutes: int, why: str) -> AlertSilence:
        """For a time."""
        lasts, desk = timedelta(minutes=minutes), info.context.desk
        return AlertSilence.of(await info.context.do(lambda: desk.silence(match, lasts=lasts, why=why)))

    @strawberry.mutation(description="End a silence before its time.")
    async def end_silence(self, info: Info, id: strawberry.ID, why: str) -> strawberry.ID:  # noqa: A002
        """Gives its id."""
        silence = row_id(id)
        await info.context.do(lambda: info.context.desk.end_silence(silence, why=why))
        return id

    @strawberry.mutation(description="Decide how far an action may go by itself.")
    async def set_mode(self, info: Info, action: str, mode: ActionMode, why: str) -> ModeSet:
        """The stricter of this and the settings is in force."""
        await info.context.do(lambda: info.context.desk.set_mode(action, mode, why=why))
        return ModeSet(action=action, mode=mode)


async def _answered(info: Info, given: strawberry.ID, *, approve: bool, fingerprint: str, why: str) -> Approval:
    question, desk = row_id(given), info.context.desk
    return Approval.of(
        await info.context.do(lambda: desk.answer(question, approve=approve, why=why, fingerprint=fingerprint))
    )


def _minutes(given: int | None) -> timedelta | None:
    return timedelta(minutes=given) if isinstance(given, int) else None

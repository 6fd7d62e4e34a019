"""What people decide about: breakers, questions, pauses, windows, storms, modes; and who they are."""

from datetime import datetime

import strawberry

from console.graphql.limits import LARGEST_INT
from console.web.desk import StartedHeal
from selfheal.model import approval, breaker, maintenance, pause
from selfheal.model.approval import ApprovalState
from selfheal.model.identity import Identity, Role
from selfheal.model.maintenance import Scope
from selfheal.model.mode import ActionMode
from selfheal.policy.identity import Deed, may

strawberry.enum(breaker.State, name="BreakerState")
strawberry.enum(breaker.Mode, name="BreakerMode")
strawberry.enum(breaker.BreakerDeed, name="BreakerDeed")
strawberry.enum(ApprovalState)
strawberry.enum(Scope, name="MaintenanceScope")
strawberry.enum(ActionMode)
strawberry.enum(Role)


@strawberry.type
class Override:
    """What a person has decided in place of a breaker's results."""

    mode: breaker.Mode
    who: str
    why: str
    until: datetime | None


@strawberry.type
class Breaker:
    """A circuit breaker, as an ask would find it now."""

    name: str
    state: breaker.State
    mode: breaker.Mode
    failure_rate: float
    results: list[bool]
    opened_at: datetime | None
    open_until: datetime | None
    probes_under_way: int
    prevented: int
    override: Override | None

    @classmethod
    def of(cls, one: breaker.Breaker, prevented: int) -> "Breaker":
        """From the breaker, and how many asks it has denied."""
        over = one.override
        return cls(
            name=one.name,
            state=one.state,
            mode=one.mode,
            failure_rate=one.failure_rate,
            results=list(one.results),
            opened_at=one.opened_at,
            open_until=one.open_until,
            probes_under_way=len(one.permits),
            prevented=min(prevented, LARGEST_INT),
            override=None if over is None else Override(mode=over.mode, who=over.who, why=over.why, until=over.until),
        )


@strawberry.type
class Approval:
    """A question to a person, and their answer."""

    id: strawberry.ID
    state: ApprovalState
    action: str
    component: str
    asked_by: str
    why: str
    preview: list[str]
    blast_radius: str
    asked_at: datetime
    expires_at: datetime
    fingerprint: str
    decision: str | None
    decided_at: datetime | None
    decided_by: str | None
    decision_why: str | None
    use_by: datetime | None
    attempt_id: strawberry.ID | None

    @classmethod
    def of(cls, one: approval.Approval) -> "Approval":
        """From the question."""
        return cls(
            id=strawberry.ID(str(one.id)),
            state=one.state,
            action=one.action,
            component=one.component,
            asked_by=one.asked_by,
            why=one.why,
            preview=list(one.preview),
            blast_radius=one.blast_radius,
            asked_at=one.asked_at,
            expires_at=one.expires_at,
            fingerprint=one.fingerprint,
            decision=None if one.decision is None else one.decision.value,
            decided_at=one.decided_at,
            decided_by=one.decided_by,
            decision_why=one.decision_why,
            use_by=one.use_by,
            attempt_id=None if one.attempt_id is None else strawberry.ID(str(one.attempt_id)),
        )


@strawberry.type
class Pause:
    """The kill switch is on."""

    who: str
    why: str
    since: datetime
    until: datetime | None

    @classmethod
    def of(cls, one: pause.Pause) -> "Pause":
        """From the pause."""
        return cls(who=one.who, why=one.why, since=one.since, until=one.until)


@strawberry.type
class MaintenanceWindow:
    """Nothing in its scope is healed meanwhile."""

    id: strawberry.ID
    scope: Scope
    name: str
    begins_at: datetime
    ends_at: datetime
    who: str
    why: str

    @classmethod
    def of(cls, one: maintenance.Window) -> "MaintenanceWindow":
        """From the window."""
        return cls(
            id=strawberry.ID(str(one.id)),
            scope=one.scope,
            name=one.name,
            begins_at=one.begins_at,
            ends_at=one.ends_at,
            who=one.who,
            why=one.why,
        )


@strawberry.type
class StartedRun:
    """A heal was asked for; what became of it is read from the attempts."""

    trigger_id: strawberry.ID
    flow_run: strawberry.ID
    link: str

    @classmethod
    def of(cls, one: StartedHeal) -> "StartedRun":
        """From the heal."""
        return cls(trigger_id=strawberry.ID(str(one.trigger)), flow_run=strawberry.ID(str(one.run)), link=one.link)


@strawberry.type
class ModeSet:
    """How far an action may go by itself from now on; the stricter of this and the settings is in force."""

    action: str
    mode: ActionMode


@strawberry.type
class Person:
    """Who asks."""

    name: str
    role: Role
    tenant: strawberry.ID | None
    expires_at: datetime | None
    may: list[str]

    @classmethod
    def of(cls, one: Identity) -> "Person":
        """From the identity."""
        return cls(
            name=one.name,
            role=one.role,
            tenant=None if one.tenant is None else strawberry.ID(str(one.tenant)),
            expires_at=one.expires_at,
            may=[deed.value for deed in Deed if may(one, deed)],
        )

"""Who a person is to us: known by a token, with a role and, perhaps, a tenant."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


class Role(StrEnum):
    """What a token's holder may do; each may do all that the one before it may."""

    VIEWER = "viewer"  # sees
    OPERATOR = "operator"  # starts heals, pauses and resumes, plans maintenance, ends a storm, overrides a breaker
    APPROVER = "approver"  # answers what waits for a person's word
    ADMIN = "admin"  # decides about tokens and modes, and breaks the glass


class Door(StrEnum):
    """Where a person's deed came in."""

    CLI = "cli"
    API = "api"
    DASHBOARD = "dashboard"
    PREFECT = "prefect"


class Outcome(StrEnum):
    """How a person's deed ended."""

    DONE = "DONE"
    REFUSED = "REFUSED"  # they must not, or a limit stood in the way
    FAILED = "FAILED"  # it was tried, and nothing of it was kept


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Somebody who was let in.

    Attributes:
        name: of the person, unique among living tokens of other persons; what deeds are recorded with.
        role: what they may do.
        tenant: whose rows they see; None: the infrastructure's, and of an admin all.
        token: the row of their token; None for who needs none: the operating system's user on the command line.
        expires_at: the token's; None: of who needs none.
        proof: SHA-256 of the secret that they came in with, a token's or a login's: the database looks at it again
            where it takes nobody's word for who somebody is.
    """

    name: str
    role: Role
    tenant: UUID | None = None
    token: UUID | None = None
    expires_at: datetime | None = None
    proof: bytes = field(default=b"", repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class Token:
    """A token as it is kept: all but its secret.

    Attributes:
        id: of its row.
        name: of the person.
        role: what they may do.
        tenant: whose rows they see; None: the infrastructure's, and of an admin all.
        issued_by: who gave it.
        created_at: when.
        expires_at: it lives no longer.
        revoked_at: taken back, by whom and why; None: it was not.
        last_used_at: to the minute; None: never.
    """

    id: UUID
    name: str
    role: Role
    tenant: UUID | None
    issued_by: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None
    revoked_by: str | None = None
    revoked_why: str | None = None
    last_used_at: datetime | None = None

    def state(self, now: datetime) -> str:
        """LIVING, EXPIRED or REVOKED."""
        if self.revoked_at is not None:
            return "REVOKED"
        return "LIVING" if now < self.expires_at else "EXPIRED"


@dataclass(frozen=True, kw_only=True)
class Session:
    """A login that has just begun.

    Attributes:
        secret: what the browser's cookie holds; it is kept nowhere else.
        csrf: what every form of this login must bring back.
        expires_at: at most the token's.
    """

    secret: str = field(repr=False)
    csrf: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class DeedLine:
    """Something that a person did, or was refused.

    Attributes:
        id: of its row.
        at: when.
        name: of the person.
        role: theirs at that time.
        tenant: theirs.
        token: which of theirs; None: the operating system's user.
        door: where it came in.
        deed: what.
        subject: a component, a breaker, the id of an approval, ...
        details: what else was given, and the message of a refusal or failure.
        outcome: how it ended.
        request_id: of the API or the dashboard.
    """

    id: UUID
    at: datetime
    name: str
    role: Role
    tenant: UUID | None
    token: UUID | None
    door: Door
    deed: str
    subject: str
    details: Mapping[str, Any]
    outcome: Outcome
    request_id: str

"""Who a person is to us: known by a token, with a role and, perhaps, a tenant."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
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


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Somebody who was let in.

    Attributes:
        name: of the person, unique among living tokens of other persons; what deeds are recorded with.
        role: what they may do.
        tenant: whose rows they see; None: the infrastructure's, and of an admin all.
        token: the row of their token; None for who needs none: the operating system's user on the command line, and
            everybody in a demo on loopback.
        expires_at: the token's; None: of who needs none.
    """

    name: str
    role: Role
    tenant: UUID | None = None
    token: UUID | None = None
    expires_at: datetime | None = None

"""Who may do what. The command line, the dashboard and the API ask here before anything is done."""

import re
from collections.abc import Collection
from datetime import timedelta
from enum import StrEnum

from selfheal.model.errors import NotAllowed, Permanent
from selfheal.model.identity import Identity, Role
from selfheal.model.trigger import Source

_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,62}")
OURS = frozenset({"selfheal", *(source.value for source in Source)})
"""Names that are written down for what no person did."""


class Deed(StrEnum):
    """Whatever a person may do besides looking; each one is recorded."""

    HEAL = "HEAL"
    PAUSE = "PAUSE"
    RESUME = "RESUME"
    PLAN_MAINTENANCE = "PLAN_MAINTENANCE"
    END_MAINTENANCE = "END_MAINTENANCE"
    STORM_GO = "STORM_GO"
    OVERRIDE_BREAKER = "OVERRIDE_BREAKER"
    APPROVE = "APPROVE"
    DENY = "DENY"
    BREAK_GLASS = "BREAK_GLASS"
    SET_MODE = "SET_MODE"
    ACCEPT_FILE = "ACCEPT_FILE"
    RELOAD = "RELOAD"
    BLOCK_WORKFLOW = "BLOCK_WORKFLOW"
    RESUME_WORKFLOW = "RESUME_WORKFLOW"
    ACKNOWLEDGE_ALERTS = "ACKNOWLEDGE_ALERTS"
    SILENCE_ALERTS = "SILENCE_ALERTS"
    END_SILENCE = "END_SILENCE"
    SEND_AGAIN = "SEND_AGAIN"
    ISSUE_TOKEN = "ISSUE_TOKEN"  # noqa: S105 - the word, no token
    REVOKE_TOKEN = "REVOKE_TOKEN"  # noqa: S105 - the same


_NEEDED = {
    Deed.HEAL: Role.OPERATOR,
    Deed.PAUSE: Role.OPERATOR,
    Deed.RESUME: Role.OPERATOR,
    Deed.PLAN_MAINTENANCE: Role.OPERATOR,
    Deed.END_MAINTENANCE: Role.OPERATOR,
    Deed.STORM_GO: Role.OPERATOR,
    Deed.OVERRIDE_BREAKER: Role.OPERATOR,
    Deed.APPROVE: Role.APPROVER,
    Deed.DENY: Role.APPROVER,
    Deed.BREAK_GLASS: Role.ADMIN,
    Deed.SET_MODE: Role.ADMIN,
    Deed.ACCEPT_FILE: Role.APPROVER,
    Deed.RELOAD: Role.ADMIN,
    Deed.BLOCK_WORKFLOW: Role.OPERATOR,
    Deed.RESUME_WORKFLOW: Role.OPERATOR,
    Deed.ACKNOWLEDGE_ALERTS: Role.OPERATOR,
    Deed.SILENCE_ALERTS: Role.OPERATOR,
    Deed.END_SILENCE: Role.OPERATOR,
    Deed.SEND_AGAIN: Role.OPERATOR,
    Deed.ISSUE_TOKEN: Role.ADMIN,
    Deed.REVOKE_TOKEN: Role.ADMIN,
}
_RANK = {role: rank for rank, role in enumerate(Role)}


def required_role(deed: Deed) -> Role:
    """The least role that may do it."""
    return _NEEDED[deed]


def may(identity: Identity, deed: Deed) -> bool:
    """Whether this person may do it: what cannot be done need not be offered."""
    return identity.tenant is None and _RANK[identity.role] >= _RANK[required_role(deed)]


def check(identity: Identity, deed: Deed) -> None:
    """Let those pass who may do it.

    Raises:
        NotAllowed: their role is too low; or they are a tenant's, who looks at their own rows and changes nothing:
            every deed reaches beyond one tenant.
    """
    if may(identity, deed):
        return
    needed = required_role(deed)
    if _RANK[identity.role] < _RANK[needed]:
        raise NotAllowed(f"{deed} needs the role {needed}; yours is {identity.role}", hint="ask somebody who has it")
    raise NotAllowed(
        f"{deed} reaches beyond your tenant",
        hint="it needs a token without a tenant: `selfheal token issue NAME --role ...`",
    )


def may_send_alerts(identity: Identity, senders: Collection[str]) -> bool:
    """Whether what this token sends is taken as an alert, which only suggests a heal.

    Args:
        identity: the token's.
        senders: names that may although they only look.
    """
    return identity.tenant is None and (_RANK[identity.role] >= _RANK[Role.OPERATOR] or identity.name in senders)


def sees_all(identity: Identity) -> bool:
    """Whether the rows of all tenants are theirs to see."""
    return identity.role is Role.ADMIN and identity.tenant is None


def checked_name(name: str) -> str:
    """The name, if a person can have it.

    Raises:
        Permanent: it cannot be told from something else in what is recorded.
    """
    if not _NAME.fullmatch(name):
        raise Permanent(
            f"{name[:70]!r} is no name of a person",
            hint="1 to 63 of a-z, 0-9, '.', '_', '@' and '-', like ada or ada@example.org",
        )
    if name in OURS:
        raise Permanent(f"{name!r} is what no person did", hint="take another name")
    return name


def checked_lifetime(lasts: timedelta, *, at_most: timedelta) -> timedelta:
    """The lifetime of a new token, if it is none too long.

    Raises:
        NotAllowed: it is.
    """
    if not timedelta(0) < lasts <= at_most:
        raise NotAllowed(
            f"a token lives for at most {at_most.days} days, and longer than nothing",
            hint="issue one for a shorter time; `tokens.at_most` in the settings is the limit",
        )
    return lasts

"""The one form of a breaker's name: `heal:ACTION`, `agent:NAME` for all tenants, `agent:TENANT/NAME` for one of them.

A tenant is its UUID in lower case, the tenant_id of the tables. Two spellings of one name would be two breakers, so
what is no name is refused at the door.
"""

import re
from uuid import UUID

from selfheal.model.breaker_rules import Scope
from selfheal.model.errors import Permanent

_FORMS = {
    Scope.HEAL: re.compile(r"heal:[A-Za-z0-9][A-Za-z0-9_.-]{0,49}"),  # as the action is named
    Scope.AGENT: re.compile(r"agent:([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/)?[a-z0-9][a-z0-9_.-]{0,49}"),
}
FORMS = "heal:ACTION, agent:NAME or agent:TENANT/NAME"


def heal_breaker(action: str) -> str:
    """The breaker of an action."""
    return checked(f"{Scope.HEAL}:{action}")


def agent_breaker(agent: str, *, tenant: UUID | None = None) -> str:
    """The breaker of an agent, for all tenants or for one."""
    return checked(f"{Scope.AGENT}:{agent}" if tenant is None else f"{Scope.AGENT}:{tenant}/{agent}")


def checked(name: str) -> str:
    """The name, if it is one.

    Raises:
        Permanent: it is none.
    """
    if not any(form.fullmatch(name) for form in _FORMS.values()):
        raise Permanent(
            f"{name[:100]!r} is no name of a breaker; it is {FORMS}",
            hint="an agent is small letters, digits, _ . and -, at most 50; a tenant is its UUID",
        )
    return name


def tenant_of(name: str) -> UUID | None:
    """Whose breaker it is; None: everybody's."""
    tenant, slash, _ = name.partition(":")[2].partition("/")
    return UUID(tenant) if slash else None

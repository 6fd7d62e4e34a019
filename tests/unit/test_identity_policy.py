"""Who may do what: by role, by tenant, in words."""

from datetime import timedelta
from uuid import UUID

import pytest

from selfheal.model.errors import NotAllowed
from selfheal.model.identity import Identity, Role
from selfheal.policy.identity import Deed, check, checked_lifetime, may, required_role, sees_all

TENANT = UUID(int=1)
RANKS = list(Role)


@pytest.mark.parametrize("deed", Deed)
@pytest.mark.parametrize("role", Role)
def test_each_role_may_what_the_one_before_it_may(deed: Deed, role: Role) -> None:
    """Who is at least what a deed needs is let through; who is less is told what it needs and what they are."""
    ada = Identity(name="ada", role=role)
    needed = required_role(deed)
    if RANKS.index(role) >= RANKS.index(needed):
        check(ada, deed)
        assert may(ada, deed)
        return
    assert not may(ada, deed)
    with pytest.raises(NotAllowed, match=f"{deed} needs the role {needed}; yours is {role}"):
        check(ada, deed)


@pytest.mark.parametrize("deed", Deed)
def test_a_viewer_changes_nothing(deed: Deed) -> None:
    """There is no deed for whoever may only look."""
    assert required_role(deed) is not Role.VIEWER


@pytest.mark.parametrize("deed", Deed)
def test_a_tenants_person_changes_nothing_that_is_everybodys(deed: Deed) -> None:
    """Not even its admin: what they would change is the estate's."""
    with pytest.raises(NotAllowed, match="reaches beyond your tenant"):
        check(Identity(name="ada", role=Role.ADMIN, tenant=TENANT), deed)


@pytest.mark.parametrize(
    ("role", "tenant", "all_rows"), [("admin", None, True), ("admin", TENANT, False), ("approver", None, False)]
)
def test_only_an_admin_without_tenant_sees_all(role: str, tenant: UUID | None, all_rows: bool) -> None:  # noqa: FBT001
    """The admin of a tenant sees that tenant's rows."""
    assert sees_all(Identity(name="ada", role=Role(role), tenant=tenant)) is all_rows


def test_a_lifetime_has_its_limit() -> None:
    """What is longer, or nothing, is refused and named."""
    most = timedelta(days=366)
    assert checked_lifetime(most, at_most=most) == most
    for wrong in (most + timedelta(seconds=1), timedelta(0), -most):
        with pytest.raises(NotAllowed, match="at most 366 days"):
            checked_lifetime(wrong, at_most=most)

"""What a role may do in a database of the estate beyond what it needs; `doctor` tells it."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class RoleRights:
    """Rights of the role as which Selfheal logs in.

    Attributes:
        role: its name.
        privileged: whether it is a superuser, or may create databases or roles, replicate, or pass row security by.
        member_of: the roles whose rights it has too.
        may_create_in: the database and the schemas in which it may make objects.
    """

    role: str
    privileged: bool
    member_of: tuple[str, ...]
    may_create_in: tuple[str, ...]

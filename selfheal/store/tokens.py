"""Tokens of persons, in Postgres: of a secret only its SHA-256 is kept, and no role that serves people reads that."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, Row, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Connection

from selfheal.model.errors import NotAllowed
from selfheal.model.identity import Identity, Role, Token
from selfheal.policy.identity import checked_name
from selfheal.store.engine import first_row, transaction
from selfheal.store.tables import person_tokens
from selfheal.store.text import identifier, shorten

PREFIX = "sh_"
DEMO, OPENED_BY = "demo", "selfheal demo"
"""Who everybody is in a demo, and who let them in."""
_RANDOM_BYTES = 30  # 240 bits: nobody guesses one, so that a fast hash is enough
_LONGEST = 200  # what is longer is no secret of ours, and need not be hashed
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtext('selfheal.tokens'))")
_FIND = text("SELECT token_id, name, role, tenant_id, expires_at FROM find_token(:hash)")
_REVOKE = text("SELECT revoke_token(:id, :by, :why)")
_SHOWN = [column for column in person_tokens.c if column.name != "hash"]
_LIVING = (person_tokens.c.revoked_at.is_(None), person_tokens.c.expires_at > func.now())


class Tokens:
    """The store of tokens.

    Args:
        engine: the database. Whoever issues is the migrator: neither the dispatcher nor the web server can make a
            token. Finding is the web server's; listing and revoking an admin's (`seen_by`), or the migrator's.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def issue(self, name: str, role: Role, tenant: UUID | None, lasts: timedelta, by: str) -> tuple[str, Token]:
        """Make a token; its secret is told here and never again.

        Raises:
            Permanent: nobody can have that name.
            NotAllowed: the name is somebody else's: living tokens of it belong to another tenant.
        """
        secret = new_secret()
        values = {
            "name": checked_name(name),
            "role": role.value,
            "tenant_id": tenant,
            "hash": hashed(secret),
            "issued_by": identifier(by, 100),
            "expires_at": func.now() + lasts,
        }
        with transaction(self._engine) as connection:
            connection.execute(_ONE_AT_A_TIME)
            _refuse_namesake(connection, name, tenant)
            row = connection.execute(insert(person_tokens).values(values).returning(*_SHOWN)).one()
        return secret, _token(row)

    def revoke(self, token: UUID, by: str, why: str) -> bool:
        """Take one back at once, with its logins; False: there is none that lives."""
        values = {"id": token, "by": identifier(by, 100), "why": shorten(why, 500)}
        with transaction(self._engine) as connection:
            return bool(connection.scalar(_REVOKE, values))

    def all(self) -> Sequence[Token]:
        """Every token that ever was, the newest first."""
        statement = select(*_SHOWN).order_by(person_tokens.c.created_at.desc(), person_tokens.c.id.desc())
        with transaction(self._engine) as connection:
            return [_token(row) for row in connection.execute(statement)]

    def find(self, secret: str) -> Identity | None:
        """The person with this secret; None if it is no living token's."""
        if not secret.startswith(PREFIX) or len(secret) > _LONGEST:
            return None
        return identity_of(first_row(self._engine, _FIND, {"hash": hashed(secret)}), hashed(secret))

    def open_door(self, secret: str) -> None:
        """Make this secret the demo's: whoever shows it is its administrator; an earlier start's is taken back."""
        values = {
            "name": DEMO,
            "role": Role.ADMIN.value,
            "hash": hashed(secret),
            "issued_by": OPENED_BY,
            "expires_at": func.now() + timedelta(days=366),
        }
        opened = person_tokens.c.issued_by == OPENED_BY
        with transaction(self._engine) as connection:
            earlier = select(person_tokens.c.id).where(opened, person_tokens.c.hash != hashed(secret), *_LIVING)
            for one in connection.execute(earlier).scalars().all():
                connection.execute(_REVOKE, {"id": one, "by": OPENED_BY, "why": "the demo was started again"})
            connection.execute(insert(person_tokens).values(values).on_conflict_do_nothing())


def hashed(secret: str) -> bytes:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def new_secret() -> str:
    """A token's secret."""
    return PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)


def identity_of(row: Sequence[Any] | None, proof: bytes) -> Identity | None:
    """The person of a row that `find_token` or `find_session` gave for this hash."""
    if row is None:
        return None
    token, name, role, tenant, expires_at = row
    return Identity(name=name, role=Role(role), tenant=tenant, token=token, expires_at=expires_at, proof=proof)


def _refuse_namesake(connection: Connection, name: str, tenant: UUID | None) -> None:
    """Tokens of one name are one person's, and a person is of one tenant."""
    other = select(person_tokens.c.id).where(
        person_tokens.c.name == name, person_tokens.c.tenant_id.is_distinct_from(tenant), *_LIVING
    )
    if connection.execute(other.limit(1)).first() is not None:
        raise NotAllowed(
            f"the name {name!r} is somebody else's: it has a living token of another tenant",
            hint="take another name, or revoke that token first: `selfheal token list`",
        )


def _token(row: Row[Any]) -> Token:
    values = dict(row._mapping)  # noqa: SLF001 - its public name for exactly this
    return Token(tenant=values.pop("tenant_id"), role=Role(values.pop("role")), **values)

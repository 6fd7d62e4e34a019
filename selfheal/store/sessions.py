"""Logins in a browser, in Postgres: begun with a token, over when that is, or when the person says so."""

import hashlib
import hmac
import secrets
from datetime import timedelta

from sqlalchemy import Engine, text

from selfheal.model.errors import NotAllowed
from selfheal.model.identity import Identity, Session
from selfheal.store.engine import first_row
from selfheal.store.tokens import hashed, identity_of

_RANDOM_BYTES = 30
_LONGEST = 200
_BEGIN = text("SELECT begin_session(:token, :hash, :lasts)")
_FIND = text("SELECT token_id, name, role, tenant_id, expires_at FROM find_session(:hash)")
_END = text("SELECT end_session(:hash)")


class Sessions:
    """The store of logins.

    Args:
        engine: the database, as the web server.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def begin(self, identity: Identity, lasts: timedelta) -> Session:
        """Log in somebody who was found by a token; at most as long as that lives.

        Raises:
            NotAllowed: that token does not live any more, or there is none.
        """
        secret = secrets.token_urlsafe(_RANDOM_BYTES)
        values = {"token": identity.proof, "hash": hashed(secret), "lasts": lasts}
        row = first_row(self._engine, _BEGIN, values)
        if row is None or row[0] is None:
            raise NotAllowed("this token is expired or revoked", hint="ask an admin for a new one")
        return Session(secret=secret, csrf=csrf_of(secret), expires_at=row[0])

    def find(self, secret: str) -> tuple[Identity, str] | None:
        """The person who is logged in with this secret, and what their forms must bring back.

        None: nobody is, the login is over, or its token is. The identity expires with the login.
        """
        if len(secret) > _LONGEST:
            return None
        identity = identity_of(first_row(self._engine, _FIND, {"hash": hashed(secret)}), hashed(secret))
        return None if identity is None else (identity, csrf_of(secret))

    def end(self, secret: str) -> None:
        """Log out; of one that is none, nothing."""
        first_row(self._engine, _END, {"hash": hashed(secret)})


def csrf_of(secret: str) -> str:
    """What every form of this login must bring back: it follows from the secret, and does not tell it."""
    return hmac.new(secret.encode("utf-8", "surrogatepass"), b"selfheal csrf", hashlib.sha256).hexdigest()

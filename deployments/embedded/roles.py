"""Roles and databases that Selfheal and Prefect need, in the embedded Postgres, which is ours alone.

`stack.parts` runs this after each start of Postgres; `outside.roles` does the same, more carefully, on a server
given by its url. Tables and the grants on them come from the migrations.
"""

from dataclasses import dataclass
from typing import LiteralString

import psycopg
from psycopg import sql

from deployments.embedded.credentials import Credentials

OWNER = "selfheal_owner"
MIGRATOR = "selfheal_migrator"
HEALER = "healing_user"
API = "selfheal_api"
"""The web server's."""
API_ADMIN = "selfheal_api_admin"
"""What the web server becomes, for one transaction, where an admin asks: NOLOGIN."""
VIEWER = "selfheal_viewer"
"""Reads; NOLOGIN, so whoever looks has a login of their own that is a member of it."""
PREFECT = "prefect"
SELFHEAL_DATABASE = "selfheal"
PREFECT_DATABASE = "prefect"

TIME_OUTS = {
    "statement_timeout": "30s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "60s",
}

USERS = (MIGRATOR, HEALER, API, VIEWER)
"""Who may connect to our database."""
BOUNDED = (HEALER, API)
"""Whose statements, locks and idle transactions end by themselves."""

Connection = psycopg.Connection[tuple[object, ...]]


@dataclass(frozen=True, kw_only=True, repr=False)
class RolePasswords:
    """One password per role that may log in; never printed (no repr)."""

    migrator: str
    healer: str
    api: str
    prefect: str

    @classmethod
    def of(cls, credentials: Credentials) -> "RolePasswords":
        """Take the roles' passwords out of the data folder's credentials."""
        return cls(
            migrator=credentials.selfheal_migrator,
            healer=credentials.healing_user,
            api=credentials.selfheal_api,
            prefect=credentials.prefect_database,
        )


def prepare_cluster(superuser: Connection, passwords: RolePasswords) -> None:
    """Make the roles and databases that are missing and set what differs; running it again changes nothing.

    Args:
        superuser: an autocommit connection (CREATE DATABASE refuses a transaction) of a role that may create
            both.
        passwords: the passwords that the roles shall have; only their SCRAM verifiers are sent.
    """
    for name in (OWNER, API_ADMIN, VIEWER):
        _role(superuser, name, password=None)
    _role(superuser, MIGRATOR, password=passwords.migrator)
    _role(superuser, HEALER, password=passwords.healer)
    _role(superuser, API, password=passwords.api)
    _role(superuser, PREFECT, password=passwords.prefect)
    run(superuser, "GRANT {} TO {}", OWNER, MIGRATOR)
    allow_admins(superuser)
    _database(superuser, SELFHEAL_DATABASE, owner=OWNER, users=USERS)
    _database(superuser, PREFECT_DATABASE, owner=PREFECT, users=(PREFECT,))
    # what the migrator makes belongs to the owner, whoever forgets to say SET ROLE
    run(superuser, "ALTER ROLE {} IN DATABASE {} SET role = {}", MIGRATOR, SELFHEAL_DATABASE, OWNER)
    for role in BOUNDED:
        for name, value in TIME_OUTS.items():
            statement = sql.SQL("ALTER ROLE {} SET {} = {}")
            superuser.execute(statement.format(sql.Identifier(role), sql.Identifier(name), sql.Literal(value)))


def allow_admins(connection: Connection) -> None:
    """Let the web server become its admin's role, whose rights it has only after it has said so."""
    run(connection, "ALTER ROLE {} NOINHERIT", API)
    run(connection, "GRANT {} TO {}", API_ADMIN, API)


def run(connection: Connection, statement: LiteralString, *names: str) -> None:
    """Run one written statement, its names put in as identifiers."""
    template = sql.SQL(statement)
    connection.execute(template.format(*map(sql.Identifier, names)))


def _role(connection: Connection, name: str, *, password: str | None) -> None:
    """Make the role when it is missing, without any right of its own but to log in."""
    if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,)).fetchone() is None:
        run(connection, "CREATE ROLE {}", name)
    if password is None:
        run(connection, "ALTER ROLE {} NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE", name)
        return
    verifier = connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
    statement = sql.SQL("ALTER ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD {}")
    connection.execute(statement.format(sql.Identifier(name), sql.Literal(verifier)))


def _database(connection: Connection, name: str, *, owner: str, users: tuple[str, ...]) -> None:
    """Make the database when it is missing and let in nobody but `users`."""
    if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone() is None:
        run(connection, "CREATE DATABASE {} OWNER {}", name, owner)
    run(connection, "REVOKE ALL ON DATABASE {} FROM PUBLIC", name)
    for user in users:
        run(connection, "GRANT CONNECT ON DATABASE {} TO {}", name, user)
    password = connection.info.password
    with psycopg.connect(connection.info.dsn, password=password, dbname=name, autocommit=True) as inside:
        inside.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")

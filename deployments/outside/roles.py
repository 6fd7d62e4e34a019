"""Our roles and databases on a Postgres that others use too: made where they are missing, never taken over.

Against `embedded.roles.prepare_cluster`: nothing that exists is altered unless it is ours, passwords are set once,
when a role is made, and the role that does it needs no more than CREATEROLE and CREATEDB.
"""

import psycopg
from psycopg import sql

from deployments.embedded.roles import (
    API,
    API_ADMIN,
    BOUNDED,
    HEALER,
    MIGRATOR,
    OWNER,
    TIME_OUTS,
    USERS,
    VIEWER,
    Connection,
    RolePasswords,
    allow_admins,
    run,
)
from selfheal.model.errors import Permanent
from selfheal.settings.estate import Settings

MAINTENANCE = "postgres"
"""The database that a connection goes to before ours exists."""
SHARED_PREFECT = "selfheal_prefect"
"""Role and database of an embedded Prefect server there: a plain `prefect` may be somebody else's."""
OLDEST = 150_000


def passwords_of(settings: Settings, own: RolePasswords) -> RolePasswords:
    """The passwords of our roles on that server: the settings', else where we make the roles our own.

    Raises:
        Permanent: neither is there.
    """
    given = settings.postgres
    named = {
        "migrator": given.migrator_password.get_secret_value(),
        "healer": given.healer_password.get_secret_value(),
        "api": given.api_password.get_secret_value(),
        "prefect": given.prefect_password.get_secret_value(),
    }
    if not given.username:
        needed = ("migrator", "healer", "api") if settings.prefect.outside else tuple(named)
        missing = [f"postgres.{name}_password" for name in needed if not named[name]]
        if missing:
            raise Permanent(
                f"{', '.join(missing)} is not set",
                hint="set it in the settings or as SELFHEAL_POSTGRES__..., or set postgres.username and "
                "postgres.password of a role that may make our roles",
            )
    return RolePasswords(
        migrator=named["migrator"] or own.migrator,
        healer=named["healer"] or own.healer,
        api=named["api"] or own.api,
        prefect=named["prefect"] or own.prefect,
    )


def check_version(connection: Connection) -> None:
    """Refuse a server that is too old."""
    if connection.info.server_version < OLDEST:
        raise Permanent(
            f"Postgres {connection.info.server_version // 10_000} is too old",
            hint="Selfheal needs Postgres 15 or newer",
        )


def prepare_shared(admin: Connection, passwords: RolePasswords, *, database: str, with_prefect: bool) -> None:
    """Make what is missing; running it again changes nothing.

    Args:
        admin: an autocommit connection of a role that may create roles and databases.
        passwords: that new roles get, and that existing ones must have.
        database: ours.
        with_prefect: also a database for an embedded Prefect server.

    Raises:
        Permanent: a role or database of our names exists and is not ours; nothing was changed.
    """
    logins = {MIGRATOR: passwords.migrator, HEALER: passwords.healer, API: passwords.api}
    databases: dict[str, tuple[str, tuple[str, ...]]] = {database: (OWNER, USERS)}
    if with_prefect:
        logins[SHARED_PREFECT] = passwords.prefect
        databases[SHARED_PREFECT] = (SHARED_PREFECT, (SHARED_PREFECT,))
    for name, (owner, _) in databases.items():
        _refuse_other_owner(admin, name, owner)
    for name, password in logins.items():
        _refuse_other_password(admin, name, password)
    for name in (OWNER, API_ADMIN, VIEWER):
        _make_role(admin, name, "")
    for name, password in logins.items():
        _make_role(admin, name, password)
    if not _one(admin, "SELECT pg_has_role(%s, %s, 'MEMBER')", MIGRATOR, OWNER):
        run(admin, "GRANT {} TO {}", OWNER, MIGRATOR)
    if not _one(admin, "SELECT pg_has_role(%s, %s, 'MEMBER')", API, API_ADMIN):
        allow_admins(admin)
    for name, (owner, users) in databases.items():
        _make_database(admin, name, owner=owner, users=users)
    _keep_settings(admin, database)


def _refuse_other_owner(admin: Connection, database: str, owner: str) -> None:
    question = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s"
    found = _one(admin, question, database)
    if found not in {None, owner}:
        raise Permanent(
            f"the database {database!r} exists and belongs to {found}, not to {owner}",
            hint="name another database in postgres.url, or let examples/postgres.sql be run for Selfheal",
        )


def _refuse_other_password(admin: Connection, role: str, password: str) -> None:
    """A role that exists must be ours: then its password is the one that we know."""
    if not _exists(admin, role):
        return
    try:
        psycopg.connect(admin.info.dsn, user=role, password=password, dbname=MAINTENANCE).close()
    except psycopg.OperationalError as error:
        raise Permanent(
            f"the role {role!r} exists and does not take our password",
            hint="it is another installation's: give its password in the settings "
            f"(postgres.{_SETTING[role]}), or use another Postgres",
        ) from error


_SETTING = {
    MIGRATOR: "migrator_password",
    HEALER: "healer_password",
    API: "api_password",
    SHARED_PREFECT: "prefect_password",
}


def _make_role(admin: Connection, name: str, password: str) -> None:
    """A new role may do nothing but log in, if it has a password at all."""
    if _exists(admin, name):
        return
    if not password:
        run(admin, "CREATE ROLE {} NOLOGIN", name)
        return
    verifier = admin.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
    statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
    admin.execute(statement.format(sql.Identifier(name), sql.Literal(verifier)))


def _make_database(admin: Connection, name: str, *, owner: str, users: tuple[str, ...]) -> None:
    """Let in nobody but `users`; whoever makes a database for another role must be a member of it."""
    if _one(admin, "SELECT 1 FROM pg_database WHERE datname = %s", name):
        return
    if not _one(admin, "SELECT pg_has_role(%s, 'USAGE')", owner):
        run(admin, "GRANT {} TO CURRENT_USER", owner)
    run(admin, "CREATE DATABASE {} OWNER {}", name, owner)
    run(admin, "REVOKE ALL ON DATABASE {} FROM PUBLIC", name)
    for user in users:
        run(admin, "GRANT CONNECT ON DATABASE {} TO {}", name, user)


def _keep_settings(admin: Connection, database: str) -> None:
    """What the migrator makes belongs to the owner; whatever the healer and the web server wait for is bounded."""
    if f"role={OWNER}" not in _kept(admin, MIGRATOR):
        run(admin, "ALTER ROLE {} IN DATABASE {} SET role = {}", MIGRATOR, database, OWNER)
    for role in BOUNDED:
        kept = _kept(admin, role)
        for name, value in TIME_OUTS.items():
            if f"{name}={value}" not in kept:
                statement = sql.SQL("ALTER ROLE {} SET {} = {}")
                admin.execute(statement.format(sql.Identifier(role), sql.Identifier(name), sql.Literal(value)))


def _kept(admin: Connection, role: str) -> set[str]:
    """The settings of a role."""
    return {str(row[0]) for row in admin.execute(_SETTINGS_KEPT, (role,)).fetchall()}


_SETTINGS_KEPT = """
SELECT unnest(setconfig) FROM pg_db_role_setting AS kept JOIN pg_roles AS role ON role.oid = kept.setrole
WHERE role.rolname = %s
"""


def refuse_missing(migrator: Connection) -> None:
    """Where a DBA made the roles: all of them are there.

    Raises:
        Permanent: some are not.
    """
    missing = [name for name in (OWNER, HEALER, API, API_ADMIN, VIEWER) if not _exists(migrator, name)]
    if missing:
        raise Permanent(
            f"there is no role {', '.join(missing)} on that server",
            hint="let the lines of examples/postgres.sql that make them be run",
        )


def _exists(admin: Connection, role: str) -> bool:
    return bool(_one(admin, "SELECT 1 FROM pg_roles WHERE rolname = %s", role))


def _one(admin: Connection, question: str, *values: str) -> object:
    row = admin.execute(question.encode(), values).fetchone()
    return row[0] if row else None

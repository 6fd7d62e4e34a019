"""Brings the database to the schema of this release; `up`, `demo` and the tests call it."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

import migrations
from selfheal.model.errors import Permanent, Transient

_LOCK = 8_337_401  # any constant of our own: two migrators at once take turns


def migrate(url: str) -> str:
    """Run the missing migrations as the migrator.

    Args:
        url: SQLAlchemy URL of the migrator role.

    Returns:
        The revision that the database now has.

    Raises:
        Transient: the database cannot be reached.
        Permanent: the database has a schema of a newer release.
    """
    engine = create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": 5})
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})
            connection.commit()
            return _upgrade(connection)
    except OperationalError as error:
        raise Transient(f"the database cannot be reached: {error.orig}", hint="see `selfheal doctor`") from error
    finally:
        engine.dispose()


def _upgrade(connection: Connection) -> str:
    """Refuse an unknown schema, then upgrade on this connection."""
    config = _config()
    config.attributes["connection"] = connection
    current = MigrationContext.configure(connection).get_current_revision()
    connection.commit()
    if current is not None and current not in revisions():
        raise Permanent(
            f"the database has schema {current}, which this release does not know",
            hint="start the newer release",
        )
    command.upgrade(config, "head")
    return ScriptDirectory.from_config(config).get_current_head() or ""


def revisions() -> frozenset[str]:
    """Every schema that this release knows."""
    return frozenset(script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    return config

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
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.attributes["connection"] = connection
    known = ScriptDirectory.from_config(config)
    current = MigrationContext.configure(connection).get_current_revision()
    connection.commit()
    if current is not None and current not in {script.revision for script in known.walk_revisions()}:
        raise Permanent(
            f"the database has schema {current}, which this release does not know",
            hint="start the newer release",
        )
    command.upgrade(config, "head")
    head = known.get_current_head()
    return head or ""

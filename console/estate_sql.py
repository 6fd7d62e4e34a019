"""`selfheal estate-sql`: what the DBA of the estate runs in its database, once and after each change of a migration."""

import sys
from typing import Annotated

from cyclopts import Parameter

from console.failure import WrongUsage
from console.place import Place
from selfheal.policy.names import nearest


def estate_sql(
    database: Annotated[str, Parameter(help="Its name, as in selfheal.toml.")],
    /,
    *,
    place: Place = Place(),  # noqa: B008 - frozen: cyclopts fills a copy
    rights_of: Annotated[
        str, Parameter(help="A role there whose rights the migrations get, e.g. the owner of the estate's tables.")
    ] = "",
) -> int:
    """Print the SQL; nothing is connected."""
    from selfheal.clients.estate_sql import estate_sql as written  # noqa: PLC0415  keeps `--help` fast

    settings = place.settings()
    if database not in settings.databases:
        raise WrongUsage(
            f"no database is named {database[:60]!r}{nearest(database, settings.databases)}",
            hint="describe it in selfheal.toml: [databases.NAME] with its url",
        )
    chosen = settings.databases[database]
    migrations = [one for one in settings.allowed_sql().values() if one.database == database]
    sys.stdout.write(written(url=chosen.url, role=chosen.username, rights_of=rights_of, migrations=migrations))
    sys.stderr.write(
        f"{len(migrations)} migrations.\n"
        "1. Run this in that database as a superuser: psql -v ON_ERROR_STOP=1 -f FILE.\n"
        f"2. Give {chosen.username} a password there (\\password) and set it in [databases.{database}].\n"
        "3. The migrations run as selfheal_estate_owner: let it read the tables that they read (GRANT SELECT),\n"
        "   or give it the rights of their owner with --rights-of.\n"
    )
    return 0

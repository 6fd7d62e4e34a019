"""What the estate's DBA runs once in a database of the estate: roles, functions, and the catalogue of migrations.

`selfheal estate-sql` prints it. The statements are written in the two files beside this one; only values are filled
in here, as literals that the driver quotes. Names become part of a statement in the database, by `format`.
"""

from collections.abc import Sequence
from importlib.resources import files

from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from selfheal.model.migration import Migration

_HEAD = sql.SQL("""\
BEGIN;
SET LOCAL client_encoding = 'UTF8';
SET LOCAL client_min_messages = warning;
SET LOCAL standard_conforming_strings = on;
SELECT set_config('selfheal_estate.role', {role}, true) AS role,
       set_config('selfheal_estate.database', {database}, true) AS database,
       set_config('selfheal_estate.rights_of', {rights_of}, true) AS rights_of;

""")
_ENTRIES = sql.SQL("""
WITH wanted (name, creates, kinds, texts) AS (
    SELECT NULL::text, NULL::text, NULL::text[], NULL::text[] WHERE false{entries}
), gone AS (
    DELETE FROM selfheal_estate.catalogue c WHERE NOT EXISTS (SELECT FROM wanted w WHERE w.name = c.name)
)
INSERT INTO selfheal_estate.catalogue AS c (name, creates, kinds, texts)
SELECT name, creates, kinds, texts FROM wanted
ON CONFLICT (name) DO UPDATE SET creates = excluded.creates, kinds = excluded.kinds, texts = excluded.texts
WHERE (c.creates, c.kinds, c.texts) IS DISTINCT FROM (excluded.creates, excluded.kinds, excluded.texts);

""")
_ENTRY = sql.SQL("""
    UNION ALL SELECT {name}, {creates},
        ARRAY[{kinds}],
        ARRAY[{texts}]""")


def estate_sql(*, url: str, role: str, rights_of: str, migrations: Sequence[Migration]) -> str:
    """The whole of it, to be run by psql as a superuser of that database, any number of times.

    Args:
        url: of the database; its name is compared with that of the database where this is run.
        role: as which Selfheal logs in; made without a password.
        rights_of: a role whose rights the migrations get, e.g. the owner of the estate's objects; empty: none.
        migrations: the catalogue of this database; entries that are not among them are taken out.
    """
    database = str(conninfo_to_dict(url).get("dbname") or role)  # as libpq: the user's name where none is given
    head = _HEAD.format(role=sql.Literal(role), database=sql.Literal(database), rights_of=sql.Literal(rights_of))
    entries = _ENTRIES.format(entries=sql.SQL("").join(map(_entry, migrations)))
    return (
        head.as_string()
        + _file("estate_catalogue.sql")
        + entries.as_string()
        + _file("estate_rights.sql")
        + "\nCOMMIT;\n"
    )


def _entry(one: Migration) -> sql.Composed:
    return _ENTRY.format(
        name=sql.Literal(one.name),
        creates=sql.Literal(one.creates),
        kinds=sql.SQL(", ").join(sql.Literal(part.kind.value) for part in one.parts),
        texts=sql.SQL(", ").join(sql.Literal(part.text) for part in one.parts),
    )


def _file(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")

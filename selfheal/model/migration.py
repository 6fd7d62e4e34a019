"""One entry of the catalogue of allow-listed SQL, as the settings describe it and as a database holds it."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

SEPARATOR = "\x1f"
"""Stands between the parts when they are hashed; the settings refuse it within them."""


class PartKind(StrEnum):
    """What a part of a migration's SQL is; the database quotes what is no SQL."""

    SQL = "sql"
    LITERAL = "literal"
    IDENTIFIER = "identifier"


@dataclass(frozen=True, kw_only=True)
class Part:
    """A piece of SQL, or the value of a parameter."""

    kind: PartKind
    text: str


@dataclass(frozen=True, kw_only=True)
class Migration:
    """An entry, as the settings describe it.

    Attributes:
        name: of the entry.
        database: name of the estate's database that it belongs to.
        creates: the table, view or materialized view that stands afterwards, as `schema.name`.
        parts: its SQL, cut at the parameters.
        timeout: the database itself gives up after this long.
    """

    name: str
    database: str
    creates: str
    parts: tuple[Part, ...]
    timeout: timedelta

    @property
    def sha256(self) -> str:
        """Of all that decides what it does; the database computes the same of what it holds."""
        told = [self.creates, *(part.kind.value for part in self.parts), *(part.text for part in self.parts)]
        return hashlib.sha256(SEPARATOR.join(told).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class CatalogueEntry:
    """An entry, as the database holds it.

    Attributes:
        name: of the entry.
        creates: the object that stands afterwards.
        sql: with its parameters filled in: what is run.
        sha256: see `Migration.sha256`.
    """

    name: str
    creates: str
    sql: str
    sha256: str

"""A page of a long list, and the place in the list where the next one begins.

Lists are read by keyset, never by number: what is added meanwhile neither repeats a row nor hides one.
"""

import base64
import binascii
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar
from uuid import UUID

from selfheal.model.errors import Permanent

T = TypeVar("T")

PAGE = 50
MOST = 10_000
"""Rows that a page has at most, whoever asks; the doors let nobody ask for so many but the command line."""
_LAYOUT = struct.Struct(">q16s")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Cursor:
    """A place in a list that is sorted by time, then by id, the newest first.

    Attributes:
        at: the time of the row at that place, aware.
        id: its id.
    """

    at: datetime
    id: UUID

    def __str__(self) -> str:
        """The cursor as text for an address: opaque, 32 URL-safe characters."""
        micros = (self.at - _EPOCH) // timedelta(microseconds=1)
        return base64.urlsafe_b64encode(_LAYOUT.pack(micros, self.id.bytes)).decode()

    @classmethod
    def of(cls, text: str) -> "Cursor":
        """The cursor that was written as this text.

        Raises:
            Permanent: it is none of ours.
        """
        try:
            micros, raw = _LAYOUT.unpack(base64.b64decode(text, altchars=b"-_", validate=True))
            cursor = cls(at=_EPOCH + timedelta(microseconds=micros), id=UUID(bytes=raw))
        except (binascii.Error, struct.error, OverflowError, ValueError) as error:
            raise _no_cursor(text) from error
        if str(cursor) != text:  # the decoder also takes the letters of another alphabet
            raise _no_cursor(text)
        return cursor


def _no_cursor(text: str) -> Permanent:
    return Permanent(f"{text[:60]!r} is no cursor of ours", hint="begin at the first page")


@dataclass(frozen=True, kw_only=True)
class Slice:
    """Which part of a list is wanted: the newest rows, those older than a place, or those newer than one.

    Attributes:
        limit: rows at most, 1 to `MOST`.
        older_than: the page behind this place.
        newer_than: the page before it; the newest page where nothing is newer. Only one of the two.
    """

    limit: int = PAGE
    older_than: Cursor | None = None
    newer_than: Cursor | None = None

    def __post_init__(self) -> None:
        """Refuse what is no slice."""
        if not 1 <= self.limit <= MOST:
            raise Permanent(f"a page has 1 to {MOST} rows, not {self.limit}")
        if self.older_than is not None and self.newer_than is not None:
            raise Permanent("a page is behind one place or before one, not both")


@dataclass(frozen=True, kw_only=True)
class Page(Generic[T]):
    """Some rows of a list, the newest first.

    Attributes:
        items: the rows.
        older: where the page of older rows begins; None: there are none.
        newer: where the page of newer rows begins; None: this is the newest page.
    """

    items: Sequence[T]
    older: Cursor | None = None
    newer: Cursor | None = None

"""The request file of an agent platform: what a reading of it holds. `policy.request_text` reads, the client writes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class RequestStatus(StrEnum):
    """What a Status line may say."""

    NEW = "NEW"
    PENDING = "PENDING"  # recovered: to be resumed
    IN_PROGRESS = "IN_PROGRESS"
    BLOCKED = "BLOCKED"  # needs a person
    ESCALATED = "ESCALATED"
    COMPLETE = "COMPLETE"
    DEFERRED = "DEFERRED"
    REJECTED = "REJECTED"
    FAILED = "FAILED"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One request, as it is written.

    Attributes:
        id: like REQ-ITEM-MASTER-001.
        title: behind the id; empty: there is none.
        status: a `RequestStatus` where it is one, in whatever case it is written; otherwise what is written; empty:
            there is none, or the entry says two things.
        priority: P0 to P3 where the text names one; otherwise what is written; empty: there is none.
        owner: the agent or person it belongs to; empty: nobody is named.
        line: of its heading, from 1.
        status_line: of its one Status line, from 1; None: it has none or several, or whether it is one is not certain,
            and none is written.
        text: the whole entry, for what reads its words.
    """

    id: str
    title: str
    status: str
    priority: str
    owner: str
    line: int
    status_line: int | None
    text: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True)
class Oddity:
    """Something that is not as it should be: reported, never guessed away.

    Attributes:
        line: where, from 1.
        what: in words for a person.
        id: of the entry that it concerns; empty: of none.
    """

    line: int
    what: str
    id: str = ""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One reading of the file.

    Attributes:
        entries: in the file's order; an id that stands there twice is there twice.
        duplicates: the lines of each id that stands there more than once.
        conflicts: the ids of which the file says two things, with what it says: no status of theirs is ever written.
        oddities: the rest.
        sha256: of the bytes.
        size: in bytes.
        read_at: aware UTC time.
        shrunk: why the file is not to be believed: it has lost more than half since it was last read; empty: it is.
    """

    entries: tuple[Entry, ...]
    duplicates: Mapping[str, tuple[int, ...]]
    conflicts: Mapping[str, tuple[str, ...]]
    oddities: tuple[Oddity, ...]
    sha256: str
    size: int
    read_at: datetime
    shrunk: str = ""

    def entry(self, req_number: str) -> Entry | None:
        """The one entry of this id; None: there is none, or several."""
        found = [one for one in self.entries if one.id == req_number]
        return found[0] if len(found) == 1 else None


@dataclass(frozen=True, kw_only=True)
class StatusChange:
    """One status line of one entry that was written.

    Attributes:
        req_number: of the entry.
        line: which line, from 1.
        before: the status that stood there.
        after: the status that stands there now.
        sha256_before: of the file that was read.
        sha256_after: of the file that was written.
        backup: where the file of before lies.
    """

    req_number: str
    line: int
    before: str
    after: str
    sha256_before: str
    sha256_after: str
    backup: str

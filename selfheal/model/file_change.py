"""The request file as something that is kept whole: how it stands, its last good copy, and our changes to it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class FileState(StrEnum):
    """How the request file stands."""

    PRESENT = "PRESENT"
    SHRUNKEN = "SHRUNKEN"  # it has lost more than half since it was last read
    MISSING = "MISSING"
    UNREADABLE = "UNREADABLE"


class ChangeKind(StrEnum):
    """What we do to the file."""

    STATUS = "STATUS"  # one Status line of one entry
    RESTORE = "RESTORE"  # an earlier copy is put back, as a whole
    ACCEPT = "ACCEPT"  # nothing in it: a person says that it is small on purpose


class ChangeState(StrEnum):
    """What became of a change that was announced."""

    INTENDED = "INTENDED"
    DONE = "DONE"
    NOT_DONE = "NOT_DONE"
    UNKNOWN = "UNKNOWN"  # its process died, and what is left does not tell


@dataclass(frozen=True, kw_only=True)
class LastGood:
    """The file as it was when it was last read whole.

    Attributes:
        sha256: of its bytes.
        size: in bytes.
        entries: how many requests it held.
        seen_at: when that was read, aware UTC time.
        mode: its rights.
        uid: its owner.
        gid: its group.
    """

    sha256: str
    size: int
    entries: int
    seen_at: datetime
    mode: int
    uid: int
    gid: int


@dataclass(frozen=True, kw_only=True)
class FileStanding:
    """One look at the file.

    Attributes:
        state: how it stands.
        detail: in words for a person; empty: nothing to say.
        sha256: of its bytes; empty: there are none.
        size: in bytes.
        entries: how many requests it holds.
        last_good: what it was; None: it was never read.
        lost: ids of the last good copy that are in it no more.
        gained: ids that are in it, and were not in the last good copy.
    """

    state: FileState
    detail: str = ""
    sha256: str = ""
    size: int = 0
    entries: int = 0
    last_good: LastGood | None = None
    lost: tuple[str, ...] = ()
    gained: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class FileChange:
    """One change of ours, as `file_changes` has it.

    Attributes:
        id: client-made UUIDv7; the new file bears it in its name until the change is settled.
        path: of the file.
        kind: what it is.
        who: the mechanism or person.
        why: for a person.
        req_number: of the entry; empty: of none.
        line: of the Status line, from 1; None: no one line.
        before: the status that stood there; empty: none is changed.
        after: the status that is written.
        sha256_before: of the file that was read; empty: there was none.
        sha256_after: of the file that is written.
        size_before: of the file that was read, in bytes.
        size_after: of the file that is written.
        backup: where the file of before lies; empty: there was none.
        state: what became of it.
        note: more about that, for a person.
        at: when it was announced, by the database's clock; None: it was not written down yet.
        settled_at: when that was known; None: it is not.
    """

    id: UUID
    path: str
    kind: ChangeKind
    who: str
    why: str
    req_number: str = ""
    line: int | None = None
    before: str = ""
    after: str = ""
    sha256_before: str = ""
    sha256_after: str = ""
    size_before: int = 0
    size_after: int = 0
    backup: str = ""
    state: ChangeState = ChangeState.INTENDED
    note: str = ""
    at: datetime | None = None
    settled_at: datetime | None = None

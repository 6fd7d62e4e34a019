"""What the domain asks of the request file as a whole, and of the record of its changes."""

from collections.abc import Mapping, Sequence
from typing import Protocol
from uuid import UUID

from selfheal.model.file_change import ChangeState, FileChange, FileStanding
from selfheal.model.request import StatusChange


class FileChanges(Protocol):
    """`file_changes`: a row before each change of the file, settled after it."""

    def begin(self, change: FileChange) -> None:
        """Announce a change. Once this returns it is written down; `Transient`: nobody can tell."""
        ...

    def settle(self, change_id: UUID, state: ChangeState, *, note: str = "") -> None:
        """Say what became of it; once said it stays."""
        ...

    def unsettled(self, path: str) -> Sequence[FileChange]:
        """The changes of this file that were announced and are not settled, the oldest first."""
        ...

    def newest(self, *, limit: int) -> Sequence[FileChange]:
        """The newest first."""
        ...

    def written(self) -> Mapping[str, StatusChange]:
        """The last status that we ourselves wrote, by request."""
        ...


class KeptFile(Protocol):
    """The request file as something that is kept whole."""

    def standing(self) -> FileStanding:
        """One look; raises `Permanent` where nobody can tell."""
        ...

    def put_back(self, sha256: str, *, instead_of: str, who: str, why: str) -> FileChange:
        """Put a kept copy back in place of what is there now, which is kept too.

        Args:
            sha256: of the copy.
            instead_of: of the file that is there; empty: there must be none.
            who: the mechanism or person.
            why: for a person.

        Raises:
            TargetChanged: another file is there; nothing was written.
            Permanent: there is no such copy, or it is damaged.
            Transient: it cannot be read or written; nothing was written.
        """
        ...

    def accept(self, *, sha256: str, who: str, why: str) -> FileChange | None:
        """Take the file as it is for whole, whatever it was; None: it is whole already.

        Raises:
            TargetChanged: it is no longer the file with this hash.
            Transient: it is not there, or cannot be read or written.
        """
        ...

    def settle(self) -> Sequence[FileChange]:
        """Say what became of the changes that dead processes left behind; gives those that it settled.

        `Transient`: the database or the file cannot be asked, or another process is writing.
        """
        ...

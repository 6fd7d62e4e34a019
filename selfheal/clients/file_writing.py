"""One change of the request file, step by step: the new file, the announcement, the swap, the settlement.

`clients.request_file` calls this, under its lock. A process may be killed between any two steps: the new file bears the
change's id in its name and lies beside the old one until the change is settled, so that what it holds tells exactly
what became of it.
"""

import hashlib
import logging
import os
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from uuid import UUID

from selfheal.clients.file_copies import Copies, sync_folder
from selfheal.clients.file_swap import exchange, put, swap
from selfheal.clients.whole_file import Rights, in_our_words, read_whole
from selfheal.model.errors import SelfhealError, Transient
from selfheal.model.file_change import ChangeKind, ChangeState, FileChange
from selfheal.ports import FileChanges
from selfheal.protocol.failpoint import reach

_log = logging.getLogger(__name__)
_OTHERS = "somebody else wrote the file at the same moment"
_TWO_OTHERS = "two others wrote the file at the same moment; one of their versions is in no other place than its copy,"


class Writing:
    """Writes one file.

    Args:
        path: of the file itself, no symbolic link.
        copies: keeps what came out of it.
        changes: the record.
    """

    def __init__(self, path: Path, copies: Copies, changes: FileChanges) -> None:
        self._path = path
        self._copies = copies
        self._changes = changes

    def carry_out(self, change: FileChange, data: bytes, *, old: bytes | None, rights: Rights) -> bool:
        """Announce the change and put `data` in place of `old`; None: there must be no file.

        False: something else is there, nothing was changed.

        Raises:
            Transient: it cannot be written, or not be announced; nothing was changed.
        """
        new = self._beside(change.id)
        self._write(new, data, rights)
        reach("after-new-file")
        self._changes.begin(change)  # where nobody can tell whether that was written, the new file stays beside
        reach("after-announcement")
        try:
            done = put(self._path, new) if old is None else swap(self._path, new, expected=old)
        except SelfhealError as error:
            self._end(change, ChangeState.NOT_DONE, error.message)
            raise
        if old is None:
            reach("after-swap")
        self._end(change, ChangeState.DONE if done else ChangeState.NOT_DONE, "" if done else self._kept(change, new))
        return done

    def _kept(self, change: FileChange, new: Path) -> str:
        """What a person should know of a lost race: whether a version of somebody else is in the copies only."""
        data = read_whole(new).data
        sha256 = hashlib.sha256(data).hexdigest()
        if sha256 in {change.sha256_before, change.sha256_after}:
            return _OTHERS
        kept = f"{_TWO_OTHERS} {self._copies.keep(data, sha256)}"
        _log.warning("%s: %s", self._path, kept)
        return kept

    def settle(self) -> Iterator[FileChange]:
        """Find out what became of the changes of dead processes, and remove what they left beside the file."""
        for change in self._changes.unsettled(str(self._path)):
            state, note = self._became(change)
            yield replace(change, state=state, note=note)
            self._changes.settle(change.id, state, note=note)
            self._remove(self._beside(change.id), change)
        with in_our_words(f"{self._path.parent} cannot be looked at"):
            for left in self._path.parent.glob(f".{self._path.name}.*.selfheal"):
                self._remove(left, None)  # never announced, or settled and not removed yet

    def _became(self, change: FileChange) -> tuple[ChangeState, str]:
        """What became of an announced change, by what lies beside the file."""
        if change.kind is ChangeKind.ACCEPT:
            last = self._copies.last_good()
            done = last is not None and last.sha256 == change.sha256_after
            return (ChangeState.DONE if done else ChangeState.NOT_DONE), "its process died"
        new, now = self._beside(change.id), _hash(self._path)
        beside = _hash(new)
        if beside == change.sha256_after != change.sha256_before:
            linked = not change.sha256_before and os.path.lexists(self._path) and self._path.samefile(new)
            said = "its process died after it" if linked else "its process died before it"
            return (ChangeState.DONE if linked else ChangeState.NOT_DONE), said
        if beside and beside == change.sha256_before:
            return ChangeState.DONE, "its process died after it"
        if beside:
            return self._taken_back(change, new)
        if now in {change.sha256_after, change.sha256_before}:
            done = now == change.sha256_after
            return (ChangeState.DONE if done else ChangeState.NOT_DONE), "its process died; told by the file itself"
        return ChangeState.UNKNOWN, "its process died, and the file has been changed since"

    def _taken_back(self, change: FileChange, new: Path) -> tuple[ChangeState, str]:
        """A version of somebody else came out, and the process died before it was put back."""
        if _hash(self._path) == change.sha256_after:
            with in_our_words(f"{self._path} cannot be put back"):
                exchange(self._path, new)
                sync_folder(self._path.parent)
            return ChangeState.NOT_DONE, f"its process died; {_OTHERS}, and that was put back"
        data = read_whole(new).data
        kept = self._copies.keep(data, hashlib.sha256(data).hexdigest())
        return ChangeState.UNKNOWN, f"its process died; {_OTHERS}, and what that was is kept as {kept}"

    def _end(self, change: FileChange, state: ChangeState, note: str) -> None:
        """Settle it; where that cannot be written, the next one who is here does it by what lies beside the file."""
        reach("before-settlement")
        try:
            self._changes.settle(change.id, state, note=note)
        except Transient as error:
            _log.warning("the change %s of %s (%s) is not settled yet: %s", change.id, self._path, state, error)
            return
        reach("after-settlement")
        self._remove(self._beside(change.id), change)

    def _remove(self, left: Path, change: FileChange | None) -> None:
        """Remove what lies beside the file; what we do not know is kept first."""
        if not os.path.lexists(left):
            return
        data = read_whole(left).data
        sha256 = hashlib.sha256(data).hexdigest()
        if change is None or sha256 not in {change.sha256_before, change.sha256_after}:
            self._copies.keep(data, sha256)
        with in_our_words(f"{left} cannot be removed"):
            left.unlink(missing_ok=True)

    def _beside(self, change: UUID) -> Path:
        return self._path.with_name(f".{self._path.name}.{change}.selfheal")

    def _write(self, new: Path, data: bytes, rights: Rights) -> None:
        """The new file: on the disk when this returns, with the rights and the owner of the old one."""
        with in_our_words(f"{self._path} cannot be written", hint="is there room, and do we run as its owner?"):
            try:
                file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
                with os.fdopen(file, "wb") as opened:
                    opened.write(data)
                    opened.flush()
                    _as_it_was(file, self._path, rights)
                    os.fsync(file)
            except OSError:
                new.unlink(missing_ok=True)
                raise


def _as_it_was(file: int, path: Path, rights: Rights) -> None:
    """Owner, rights and attributes; what cannot keep its owner is not written."""
    now = os.fstat(file)
    if (now.st_uid, now.st_gid) != (rights.uid, rights.gid):
        os.fchown(file, rights.uid, rights.gid)
    os.fchmod(file, rights.mode)
    for name in os.listxattr(path) if os.path.lexists(path) else ():
        with suppress(OSError) if not name.startswith("system.") else nullcontext():  # an access list is kept, or else
            os.setxattr(file, name, os.getxattr(path, name))


def _hash(path: Path) -> str:
    """Of the file; empty: there is none."""
    return hashlib.sha256(read_whole(path).data).hexdigest() if os.path.lexists(path) else ""

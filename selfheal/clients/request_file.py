"""The request file of the estate: read whole, changed one status at a time, put back when it was wiped.

Bootstrap makes one; mechanisms see `ports.RequestFile`, the probe and the action that restores it `ports.KeptFile`.
Everybody may write the file: our own processes are kept apart by a lock, all others are looked for before and after
(`file_swap`). docs/decisions/request-file.md says what is promised, and what gap remains.
"""

import hashlib
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from uuid6 import uuid7

from selfheal.clients.file_copies import Copies
from selfheal.clients.file_writing import Writing
from selfheal.clients.request_look import Look, Looker
from selfheal.clients.whole_file import Rights
from selfheal.model.errors import NotAllowed, Permanent, SelfhealError, TargetChanged, Transient
from selfheal.model.file_change import ChangeKind, ChangeState, FileChange, FileStanding, FileState, LastGood
from selfheal.model.request import Reading, RequestStatus, StatusChange
from selfheal.policy.request_text import certain_entry, read_requests, with_status
from selfheal.ports import Clock, FileChanges

_log = logging.getLogger(__name__)
_TRIES, _PAUSE_S = 40, 0.05
PATIENCE = timedelta(seconds=30)
"""Another process of ours may be writing for so long."""
_MEANT = "see `selfheal approvals`; if it is meant, say so: `selfheal workflows accept --why ...`"


class RequestFile:
    """Fulfils `ports.RequestFile` and `ports.KeptFile`.

    Args:
        path: of the file; a symbolic link is followed anew each time, and stays one.
        backups: the folder of its copies; None: one beside the file.
        keep: so many copies, the newest.
        changes: the record of changes.
        clock: time and waiting.
    """

    def __init__(self, path: Path, *, backups: Path | None, keep: int, changes: FileChanges, clock: Clock) -> None:
        self._named = path
        self._copies = Copies(backups or path.with_name(f".{path.name}.copies"), keep=keep, clock=clock)
        self._changes = changes
        self._clock = clock
        self._last_looker = Looker(self.path, self._copies, clock)

    @property
    def path(self) -> Path:
        """The file itself."""
        return Path(os.path.realpath(self._named))

    @property
    def _looker(self) -> Looker:
        """Looks at the file itself, and remembers what it read."""
        if self._last_looker.path != self.path:
            self._last_looker = Looker(self.path, self._copies, self._clock)
        return self._last_looker

    @property
    def _writing(self) -> Writing:
        return Writing(self.path, self._copies, self._changes)

    def read(self) -> Reading:
        """What it says now; `shrunk` says where that is not to be believed. What is whole is kept as the last good."""
        look = self._looker.settled()
        self._looker.note_if_free(look)
        return look.reading

    def write_status(self, req_number: str, *, before: str, after: RequestStatus, who: str, why: str) -> StatusChange:
        """Change one status line; see the port."""
        tried: list[FileChange] = []

        def intend(look: Look | None) -> tuple[FileChange, bytes]:
            if look is None:
                raise Transient(f"{self.path} is not there", hint=_MEANT)
            if look.reading.shrunk:
                raise NotAllowed(f"{self.path} is not written: {look.reading.shrunk}", hint=_MEANT)
            # whoever was faster may have read our version, and written it with their own
            entry = certain_entry(look.reading, req_number, {before, *(one.after for one in tried)})
            data = with_status(look.whole.data, entry, after)
            change = self._change(look, data, ChangeKind.STATUS, who=who, why=why)
            tried.append(
                replace(change, req_number=req_number, line=entry.status_line, before=before, after=after.value)
            )
            return tried[-1], data

        return _as_status(self._written(intend))

    def put_back(self, sha256: str, *, instead_of: str, who: str, why: str) -> FileChange:
        """Put a kept copy back; see the port."""

        def intend(look: Look | None) -> tuple[FileChange, bytes]:
            if (look.reading.sha256 if look else "") != instead_of:
                raise TargetChanged(f"{self.path} is another file by now: not touched")
            data = self._copies.content(sha256)
            return self._change(look, data, ChangeKind.RESTORE, who=who, why=why), data

        return self._written(intend)

    def accept(self, *, sha256: str, who: str, why: str) -> FileChange | None:
        """Take it for whole; see the port."""
        with self._alone():
            look = self._looker.once()
            if look.reading.sha256 != sha256:
                raise TargetChanged(f"{self.path} is another file by now", hint="look at it again")
            if not look.reading.shrunk:
                return None
            change = self._change(look, look.whole.data, ChangeKind.ACCEPT, who=who, why=why)
            self._changes.begin(change)
            entries = len(look.reading.entries)
            self._looker.note(look.whole.data, Rights.of(look.whole.status), entries=entries)
            self._changes.settle(change.id, ChangeState.DONE)
            return replace(change, state=ChangeState.DONE)

    def standing(self) -> FileStanding:
        """One look; see the port."""
        try:
            last = self._copies.last_good()
        except Transient as error:
            raise Permanent(f"whether {self.path} is whole cannot be told: {error.message}", hint=error.hint) from error
        if not os.path.lexists(self.path) and last is None:
            said = f"{self.path} is not there, and was never read here"
            raise Permanent(said, hint="is workflows.request_file right, and is this the machine that has it?")
        if not os.path.lexists(self.path):
            lost = tuple(sorted(self._ids_of(last)))
            said = f"{self.path} is not there"
            return FileStanding(state=FileState.MISSING, detail=said, last_good=last, lost=lost)
        try:
            look = self._looker.settled()
        except Transient as error:
            return FileStanding(state=FileState.UNREADABLE, detail=error.message, last_good=last)
        self._looker.note_if_free(look)
        return self._standing(look.reading, last)

    def settle(self) -> Sequence[FileChange]:
        """Settle what dead processes left; see the port."""
        if not self._copies.folder.is_dir():
            return ()  # nobody has ever written here
        with self._copies.alone_if_free() as alone:
            return tuple(self._writing.settle()) if alone else ()

    def _standing(self, reading: Reading, last: LastGood | None) -> FileStanding:
        ids = {one.id for one in reading.entries}
        were = self._ids_of(last) if reading.shrunk else ids
        return FileStanding(
            state=FileState.SHRUNKEN if reading.shrunk else FileState.PRESENT,
            detail=reading.shrunk,
            sha256=reading.sha256,
            size=reading.size,
            entries=len(reading.entries),
            last_good=last,
            lost=tuple(sorted(were - ids)),
            gained=tuple(sorted(ids - were)),
        )

    def _ids_of(self, last: LastGood | None) -> set[str]:
        """The requests of the last good copy; none where it cannot be read, which whoever restores it is told."""
        try:
            data = self._copies.content(last.sha256) if last else b""
        except SelfhealError:
            data = b""
        return {one.id for one in read_requests(data, read_at=self._clock.now()).entries}

    def _written(self, intend: Callable[[Look | None], tuple[FileChange, bytes]]) -> FileChange:
        """Look, intend, write; again from the beginning where somebody else was faster.

        Args:
            intend: what is to be written, from one look (None: there is no file); raises where nothing is.
        """
        with self._alone():
            for turn in range(_TRIES):
                look = self._looker.settled() if os.path.lexists(self.path) else None
                change, data = intend(look)
                if change.sha256_before == change.sha256_after:
                    return self._said_already(change, ours=turn > 0)
                rights = self._rights(look)
                if self._writing.carry_out(change, data, old=look.whole.data if look else None, rights=rights):
                    self._note(data, rights, look if change.kind is ChangeKind.STATUS else None)
                    return replace(change, state=ChangeState.DONE)
                self._clock.wait(_PAUSE_S)
        raise Transient(f"others keep writing {self.path}", hint="try again shortly")

    def _note(self, data: bytes, rights: Rights, look: Look | None) -> None:
        """What was written is whole. It is written, so whatever cannot be noted is no error any more."""
        found = look.reading if look else read_requests(data, read_at=self._clock.now())
        with _told(f"what {self.path} is from now on is not noted"):
            self._looker.note(data, rights, entries=len(found.entries))

    def _said_already(self, change: FileChange, *, ours: bool) -> FileChange:
        """Nothing is done, and nothing written down, unless it was our own version that somebody has written again."""
        if ours:
            self._changes.begin(change)
            self._changes.settle(change.id, ChangeState.DONE, note="somebody else wrote it with their own change")
        return replace(change, state=ChangeState.DONE)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Alone among our own; first what a dead process left is settled, afterwards old copies are removed."""
        with self._copies.alone(patience=PATIENCE):
            for one in self._writing.settle():
                _log.warning("a change of %s was left behind: %s, %s", self.path, one.state, one.note)
            yield
            with _told(f"old copies of {self.path} are not removed"):
                self._copies.prune()

    def _change(self, look: Look | None, data: bytes, kind: ChangeKind, *, who: str, why: str) -> FileChange:
        """What is announced; the file of before is kept first."""
        before = look.reading.sha256 if look else ""
        return FileChange(
            id=uuid7(),
            path=str(self.path),
            kind=kind,
            who=who,
            why=why,
            sha256_before=before,
            sha256_after=hashlib.sha256(data).hexdigest(),
            size_before=look.reading.size if look else 0,
            size_after=len(data),
            backup=str(self._copies.keep(look.whole.data, before)) if look else "",
        )

    def _rights(self, look: Look | None) -> Rights:
        """Those of the file, or of what it was."""
        if look is not None:
            return Rights.of(look.whole.status)
        last = self._copies.last_good()
        if last is not None:
            return Rights(mode=last.mode, uid=last.uid, gid=last.gid)
        return replace(Rights.of(self.path.parent.stat()), mode=0o644)


@contextmanager
def _told(said: str) -> Iterator[None]:
    """What comes after the deed does not undo it: it is logged."""
    try:
        yield
    except SelfhealError as error:
        _log.warning("%s: %s", said, error)


def _as_status(change: FileChange) -> StatusChange:
    return StatusChange(
        req_number=change.req_number,
        line=change.line or 0,
        before=change.before,
        after=change.after,
        sha256_before=change.sha256_before,
        sha256_after=change.sha256_after,
        backup=change.backup,
    )

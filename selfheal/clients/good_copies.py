"""Keeps the last good copies of one file of this machine, and puts one back where the file is gone.

Only `clients.host_paths` calls this. What is there is never replaced: a file that is only empty or shortened is another
fault, which a person judges. An empty file is never a good copy.
"""

import hashlib
import logging
import os
import stat
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from uuid6 import uuid7

from selfheal.clients.file_copies import Copies
from selfheal.clients.file_writing import Writing
from selfheal.clients.whole_file import Rights, read_whole
from selfheal.model.check import GoodCopy
from selfheal.model.errors import Permanent, TargetChanged
from selfheal.model.file_change import ChangeKind, FileChange, LastGood
from selfheal.ports import Clock, FileChanges

KEEP = 10
"""So many contents are kept besides the newest of each day."""
LARGEST = 8 << 20
"""A larger file is not copied."""
_PATIENCE = timedelta(seconds=5)
_log = logging.getLogger(__name__)


class GoodCopies:
    """The copies of one file; any number of threads and processes may call it.

    Args:
        path: of the file.
        folder: of the copies.
        changes: the record of what we write.
        clock: time and waiting.
    """

    def __init__(self, path: Path, folder: Path, *, changes: FileChanges, clock: Clock) -> None:
        self._path = path
        self._copies = Copies(folder, keep=KEEP, clock=clock, what=str(path), setting="copies of the component")
        self._writing = Writing(path, self._copies, changes)
        self._clock = clock
        self._known: tuple[int, ...] = ()
        self._settled = False
        self._lock = threading.Lock()

    def keep(self) -> None:
        """Keep a copy if the file has changed since we last did.

        Raises:
            Transient: it cannot be read, or not be kept.
        """
        status = self._path.lstat()
        state = (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size)
        if not stat.S_ISREG(status.st_mode) or not 0 < status.st_size <= LARGEST:
            return
        with self._lock:
            if state == self._known:
                return
            whole = read_whole(self._path)
            read = whole.status
            if (read.st_dev, read.st_ino, read.st_mtime_ns, len(whole.data)) != state:
                return  # somebody writes it, or has put another one there, just now
            rights = Rights.of(whole.status)
            last = LastGood(
                sha256=hashlib.sha256(whole.data).hexdigest(),
                size=len(whole.data),
                entries=0,
                seen_at=self._clock.now(),
                mode=rights.mode,
                uid=rights.uid,
                gid=rights.gid,
            )
            with self._copies.alone_if_free() as alone:
                if not alone:
                    return
                self._copies.note(last, whole.data)
                self._copies.prune()
                self._settle()
            self._known = state

    def last(self) -> GoodCopy | None:
        """The last good copy; None: there is none. `Transient`: nobody can tell."""
        last = self._copies.last_good()
        if last is None:
            return None
        words = f"{last.size} bytes, read at {last.seen_at:%Y-%m-%d %H:%M:%S} UTC"
        return GoodCopy(sha256=last.sha256, size=last.size, words=words)

    def put_back(self, *, sha256: str, who: str, why: str) -> None:
        """Put that copy where no file is.

        Raises:
            TargetChanged: something is there, or another copy is the last good one; nothing was changed.
            Transient: it cannot be written.
        """
        with self._copies.alone(patience=_PATIENCE):
            self._settle()
            last = self._copies.last_good()
            if last is None or last.sha256 != sha256:
                raise TargetChanged(f"another copy of {self._path} is the last good one by now: nothing was changed")
            if os.path.lexists(self._path):
                raise TargetChanged(f"something is at {self._path} again: nothing was changed")
            data = self._copies.content(sha256)
            change = FileChange(
                id=uuid7(),
                path=str(self._path),
                kind=ChangeKind.RESTORE,
                who=who,
                why=why,
                sha256_after=sha256,
                size_after=len(data),
            )
            rights = Rights(mode=last.mode, uid=last.uid, gid=last.gid)
            if not self._writing.carry_out(change, data, old=None, rights=_ours(rights)):
                raise TargetChanged(f"something is at {self._path} again: nothing was changed")

    def _settle(self) -> None:
        """Say what became of the changes that dead processes left behind, and remove what they left; once."""
        if not self._settled:
            for one in self._writing.settle():
                _log.warning("a change of %s was left behind: %s, %s", self._path, one.state, one.note)
            self._settled = True


def _ours(rights: Rights) -> Rights:
    """The file's own owner where we may give it away; else what was readable for all stays so under our own name."""
    if os.geteuid() == 0 or (rights.uid, rights.gid) == (os.geteuid(), os.getegid()):
        return rights
    if not rights.mode & stat.S_IROTH:
        raise Permanent(
            f"we cannot give the restored file to its owner (user {rights.uid})",
            hint="run Selfheal as its owner or as root",
        )
    return replace(rights, uid=os.geteuid(), gid=os.getegid())

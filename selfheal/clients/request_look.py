"""How the request file is looked at: as nobody was writing it, beside what it was when it was last read whole.

`clients.request_file` calls this.
"""

import hashlib
import logging
import os
from dataclasses import dataclass, replace
from pathlib import Path

from selfheal.clients.file_copies import Copies
from selfheal.clients.file_lease import Lease, leased
from selfheal.clients.whole_file import Rights, WholeFile, in_our_words, read_open
from selfheal.model.errors import SelfhealError, Transient
from selfheal.model.file_change import LastGood
from selfheal.model.request import Reading
from selfheal.policy.request_text import read_requests
from selfheal.policy.shrinking import shrunk
from selfheal.ports import Clock

_log = logging.getLogger(__name__)
_TRIES, _PAUSE_S = 40, 0.05
_LOOKS, _LOOK_PAUSE_S = 5, 0.1


@dataclass(frozen=True, kw_only=True)
class Look:
    """One look.

    Attributes:
        whole: the bytes.
        reading: what they say.
        last: what the file was before; None: it was never read, or that cannot be told.
    """

    whole: WholeFile
    reading: Reading
    last: LastGood | None


class Looker:
    """Looks at one file.

    Args:
        path: of the file itself.
        copies: of it.
        clock: time and waiting.
    """

    def __init__(self, path: Path, copies: Copies, clock: Clock) -> None:
        self.path = path
        self._copies = copies
        self._clock = clock
        self._known: Reading | None = None

    def settled(self) -> Look:
        """A look; where the file seems to have shrunk, more of them: somebody may just be writing it anew.

        Raises:
            Transient: it is not there or cannot be read.
        """
        look = self.once()
        for _ in range(_LOOKS):
            if not look.reading.shrunk:
                return look
            self._clock.wait(_LOOK_PAUSE_S)
            before, look = look, self.once()
            if look.reading.sha256 == before.reading.sha256:
                return look
        return look

    def once(self) -> Look:
        """One look. What was read before is not read again."""
        whole = self._still()
        sha256, now = hashlib.sha256(whole.data).hexdigest(), self._clock.now()
        if self._known is None or self._known.sha256 != sha256:
            self._known = read_requests(whole.data, read_at=now)
        known, last = self._known, None
        try:
            last = self._copies.last_good()
            why = shrunk(last, size=known.size, entries=len(known.entries))
        except SelfhealError as error:
            why = f"whether it has shrunk cannot be told: {error.message}"
        return Look(whole=whole, reading=replace(known, read_at=now, shrunk=why), last=last)

    def note_if_free(self, look: Look) -> None:
        """Note what is whole as the last good, unless that is known, or one of us is writing: they note it too."""
        reading = look.reading
        if reading.shrunk or (look.last is not None and look.last.sha256 == reading.sha256):
            return
        try:
            with self._copies.alone_if_free() as alone:
                if alone and not (now := self.once().reading).shrunk and now.sha256 == reading.sha256:
                    self.note(look.whole.data, Rights.of(look.whole.status), entries=len(reading.entries))
                    self._copies.prune()
        except SelfhealError as error:
            _log.warning("no copy of %s is kept: %s", self.path, error)

    def note(self, data: bytes, rights: Rights, *, entries: int) -> None:
        """This is what the file is from now on, with so many entries. To be called under the lock."""
        last = LastGood(
            sha256=hashlib.sha256(data).hexdigest(),
            size=len(data),
            entries=entries,
            seen_at=self._clock.now(),
            mode=rights.mode,
            uid=rights.uid,
            gid=rights.gid,
        )
        self._copies.note(last, data)

    def _still(self) -> WholeFile:
        """The bytes. While somebody has the file open for writing it is waited for, though not for long."""
        for left in reversed(range(_TRIES)):
            with in_our_words(f"{self.path} cannot be read"):
                file = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
                try:
                    with leased(file) as lease:
                        if lease is not Lease.WRITTEN or not left:
                            return read_open(file, self.path)
                finally:
                    os.close(file)
            self._clock.wait(_PAUSE_S)
        raise Transient(f"{self.path} is being written", hint="try again shortly")

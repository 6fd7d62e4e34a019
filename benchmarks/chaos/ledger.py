"""Follows the ledger while the campaign runs: what lives, since when, and whether it is well."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Life:
    """A target's last start, as it wrote.

    Attributes:
        pid: of its process.
        at: when.
        well: whether it is not one of the sick lives.
    """

    pid: int
    at: float
    well: bool

    @property
    def runs(self) -> bool:
        """Whether its process is still there, and no zombie."""
        try:
            stat = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii", errors="replace")
        except OSError:
            return False
        return stat.rpartition(")")[2].split()[0] not in "ZX"


class Ledger:
    """The end of the ledger, read on from where it was."""

    def __init__(self, path: Path) -> None:
        self._path, self._offset = path, 0
        self._lives: dict[str, Life] = {}

    def lives(self) -> Mapping[str, Life]:
        """The last start of each target, by name."""
        handle = os.open(self._path, os.O_RDONLY)
        try:
            data = os.pread(handle, 1 << 20, self._offset)
        finally:
            os.close(handle)
        whole, newline, _ = data.rpartition(b"\n")
        self._offset += len(whole) + len(newline)
        for line in whole.decode("ascii").splitlines():
            name, pid, at, _, state = line.split()
            self._lives[name] = Life(pid=int(pid), at=float(at), well=state == "well")
        return self._lives

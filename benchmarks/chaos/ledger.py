"""Follows the ledger while the campaign runs: what lives, since when, and whether it is well."""

import contextlib
import os
import time
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
            name, pid, at, kind, state = line.split()
            if kind == "container":
                self._lives[name] = Life(pid=_pid_of(name, self._path.parent), at=time.time(), well=state == "well")
            else:
                self._lives[name] = Life(pid=int(pid), at=float(at), well=state == "well")
        return self._lives


def _pid_of(container: str, folder: Path) -> int:
    """The first process of a container, by its last words; 0 if it has ended already.

    What it forks has its words until it execs, and a life that ends slowly keeps them: the first of its own namespace
    is meant, and the youngest of these.
    """
    found = [(0, 0)]
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
                ours = words[:2] == [b"sh", b"-c"] and words[-2:] == [container.encode(), os.fsencode(folder)]
                if ours and _is_first(entry):
                    found.append((_begun(entry), int(entry.name)))
    return max(found)[1]


def _is_first(process: Path) -> bool:
    """Whether it has the number 1 in its own namespace."""
    said = (process / "status").read_text(encoding="utf-8", errors="replace")
    return any(line.startswith("NSpid:") and line.split()[-1] == "1" for line in said.splitlines())


def _begun(process: Path) -> int:
    """When it was made, in the kernel's ticks."""
    return int((process / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[19])

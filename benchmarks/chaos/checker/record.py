"""What a campaign has left behind, as plain values: the database's history, the ledger, the notes."""

import json
import re
import time
import tomllib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import dict_row, namedtuple_row

_HISTORY = b"""
    SELECT h.*, extract(epoch FROM pg_xact_commit_timestamp(h.xid))::float8 AS at,
           extract(epoch FROM h.lease_until)::float8 AS lease_ends,
           extract(epoch FROM h.act_deadline)::float8 AS act_ends
    FROM chaos.history h WHERE h.action_type <> 'BREAKER_TRANSITION' ORDER BY h.seq"""
_FAULTS = b"""
    SELECT id, component, target_key, attempts, resolution, needs_person,
           extract(epoch FROM detected_at)::float8 AS detected,
           extract(epoch FROM verified_at)::float8 AS verified, extract(epoch FROM closed_at)::float8 AS closed
    FROM faults ORDER BY detected_at"""
_SPAWNED = re.compile(r"^(\S+ \S+),(\d+) INFO spawned: '([^']+)' with pid (\d+)$")
_CONTAINER = "container"
_BEGAN = " INFO supervisord started with pid "


class Violation(NamedTuple):
    """A broken promise.

    Attributes:
        invariant: which.
        about: the attempt, target or fault.
        detail: what was found.
    """

    invariant: str
    about: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class Effect:
    """One start of a target.

    Attributes:
        target: its name.
        pid: of the new process.
        at: when its process was made, seconds since the epoch: by its keeper's log, or its ledger if that is earlier.
        state: `well` or `sick`, as it wrote; empty if it was ended before it could write.
        first: its keeper's own start of it, which is nobody's effect.
    """

    target: str
    pid: int
    at: float
    state: str = ""
    first: bool = False


@dataclass(frozen=True, kw_only=True)
class Record:
    """All of it.

    Attributes:
        history: the rows of `chaos.history` that are attempts, in order; `at` is the moment of their commit.
        faults: the rows of `faults`.
        effects: by target, in order of time.
        notes: what the campaign did: faults, kills, freezes, a person's deeds, outages.
        settings: as the healers got them.
        agents: what the workflows of agents wrote.
        unknown: ledger lines of starts that no keeper knows of.
    """

    history: Sequence[Any]
    faults: Sequence[Any]
    effects: Mapping[str, Sequence[Effect]]
    notes: Sequence[Mapping[str, Any]]
    settings: Mapping[str, Any]
    agents: Sequence[Mapping[str, Any]] = field(default=())
    unknown: Sequence[str] = field(default=())

    def attempts(self) -> Mapping[str, Sequence[Any]]:
        """The history of each attempt, by its id."""
        found: dict[str, list[Any]] = defaultdict(list)
        for row in self.history:
            found[str(row.id)].append(row)
        return found

    def noted(self, kind: str) -> list[Mapping[str, Any]]:
        """The campaign's notes of one kind."""
        return [one for one in self.notes if one["kind"] == kind]


def read(connection: psycopg.Connection[Any], folder: Path) -> Record:
    """Read a campaign's database and folder."""
    with connection.cursor(row_factory=namedtuple_row) as cursor:
        history = cursor.execute(_HISTORY).fetchall()
        faults = cursor.execute(_FAULTS).fetchall()
    noted = notes(folder / "notes.jsonl")
    effects, unknown = _effects(folder, [one["at"] for one in noted if one["kind"] == "session"])
    return Record(
        history=history,
        faults=faults,
        effects=effects,
        unknown=unknown,
        notes=noted,
        agents=notes(folder / "agents.jsonl"),
        settings=tomllib.loads((folder / "settings.toml").read_text(encoding="utf-8")),
    )


def rows(connection: psycopg.Connection[Any], query: bytes) -> list[dict[str, Any]]:
    """The rows of a query by the names of its columns."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query).fetchall()


def notes(path: Path) -> list[dict[str, Any]]:
    """What the campaign noted; a last line that was cut off by its end is none."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def _effects(folder: Path, sessions: Sequence[float]) -> tuple[dict[str, list[Effect]], list[str]]:
    """Every start that a keeper logged or a target wrote; what both tell is one. A container has no keeper's log."""
    written: dict[tuple[str, int], list[tuple[float, str]]] = defaultdict(list)
    found: dict[str, list[Effect]] = defaultdict(list)
    for line in (folder / "ledger").read_text(encoding="utf-8").splitlines():
        target, number, moment, kind, said = line.split()
        if kind == _CONTAINER:
            before, at = found[target], _booted() + float(moment.removeprefix("up:"))
            first = not before or any(before[-1].at < session <= at for session in sessions)
            before.append(Effect(target=target, pid=int(number), at=at, state=said, first=first))
        else:
            written[target, int(number)].append((float(moment), said))
    for name, pid, at, first in _spawned(folder):
        own = written.get((name, pid))
        written_at, state = own.pop(0) if own else (at, "")
        found[name].append(Effect(target=name, pid=pid, at=min(at, written_at), state=state, first=first))
    for starts in found.values():
        starts.sort(key=lambda one: one.at)
    left = [f"{name} with pid {pid} at {at:.3f}" for (name, pid), own in written.items() for at, _ in own]
    return found, left


def _booted() -> float:
    """When this machine was started: a container knows the time since then."""
    return time.time() - float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])


def _spawned(folder: Path) -> list[tuple[str, int, float, bool]]:
    """Name, pid, time of each start in the keepers' logs, and whether it is the first since its keeper began."""
    found = []
    for log in sorted(folder.glob("keeper*.log")):
        seen: set[str] = set()
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
            if _BEGAN in line:
                seen.clear()
            elif said := _SPAWNED.match(line):
                moment, millis, name, pid = said.groups()
                at = datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp() + int(millis) / 1000
                found.append((name, int(pid), at, name not in seen))
                seen.add(name)
    return found

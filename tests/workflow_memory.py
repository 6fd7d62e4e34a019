"""The stores of workflows in memory, for what is not about the stores themselves: their promises, and ways to fail."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from selfheal.model.deliverable import Deliverable, Escalation, Evidence, Orphans, Presence, Result, StageEvidence
from selfheal.model.errors import TargetChanged, Transient
from selfheal.model.recovery import Pace
from selfheal.model.request import Entry, Reading, RequestStatus, StatusChange
from selfheal.model.workflow import STATUS_OF, Workflow, WorkflowChange, WorkflowStatus

HOUR = timedelta(hours=1)


@dataclass
class MemoryFile:
    """A request file; `away` is why it cannot be read."""

    entries: dict[str, Entry] = field(default_factory=dict)
    written: list[tuple[str, str, str]] = field(default_factory=list)
    away: str = ""
    twice: set[str] = field(default_factory=set)

    def add(self, name: str, status: str, *, priority: str = "P1", text: str = "") -> None:
        line = 10 * len(self.entries) + 1
        self.entries[name] = Entry(
            id=name, title="t", status=status, priority=priority, owner="", line=line, status_line=line + 2, text=text
        )

    def read(self) -> Reading:
        if self.away:
            raise Transient(self.away)
        entries = [*self.entries.values(), *(self.entries[name] for name in self.twice)]
        return Reading(
            entries=tuple(entries),
            duplicates={},
            conflicts={},
            oddities=(),
            sha256="",
            size=1,
            read_at=datetime.now(UTC),
        )

    def write_status(self, req_number: str, *, before: str, after: RequestStatus, who: str, why: str) -> StatusChange:
        entry = self.read().entry(req_number)
        if entry is None or entry.status != before:
            raise TargetChanged(f"{req_number} no longer says {before}")
        self.entries[req_number] = replace(entry, status=after.value)
        self.written.append((req_number, before, after.value))
        assert who
        assert why
        return StatusChange(
            req_number=req_number,
            line=entry.line,
            before=before,
            after=after,
            sha256_before="",
            sha256_after="",
            backup="",
        )


@dataclass
class MemoryStates:
    """`workflow_state`, with versions."""

    rows: dict[str, Workflow] = field(default_factory=dict)
    changes: list[WorkflowChange] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    away: str = ""
    moved_first: set[str] = field(default_factory=set)
    """Those that somebody else moves just before they are changed."""

    def add(self, name: str, status: str, *, priority: str = "P1", ago: timedelta = 4 * HOUR, stage: int = 0) -> None:
        at = datetime.now(UTC) - ago
        self.rows[name] = Workflow(
            req_number=name,
            title="t",
            assigned_to="",
            priority=priority,
            current_stage=stage,
            status=STATUS_OF[RequestStatus(status)],
            file_status=status,
            started_at=at,
            completed_at=None,
            stage_deliverables={},
            version=1,
            updated_at=at,
            under_way_since=at,
        )

    def get(self, req_number: str) -> Workflow | None:
        return self.rows.get(req_number)

    def all(self, *, status: WorkflowStatus | None = None) -> Sequence[Workflow]:
        return [one for one in self.rows.values() if status in {None, one.status}]

    def change(
        self,
        req_number: str,
        *,
        version: int,
        status: WorkflowStatus,
        stage: int,
        file_status: str,
        who: str,
        why: str,
        deliverables: Mapping[str, Any] | None = None,
        person: bool = False,
    ) -> bool:
        if self.away:
            raise Transient(self.away)
        row = self.rows[req_number]
        if req_number in self.moved_first:
            row = self.rows[req_number] = replace(row, version=row.version + 1)
        if row.version != version:
            return False
        now = datetime.now(UTC)
        self.rows[req_number] = replace(
            row,
            status=status,
            current_stage=stage,
            file_status=file_status,
            version=version + 1,
            updated_at=now,
            stage_deliverables={**row.stage_deliverables, **(deliverables or {})},
        )
        self.changes.append(
            WorkflowChange(
                req_number=req_number,
                from_status=row.status,
                to_status=status,
                from_stage=row.current_stage,
                to_stage=stage,
                file_status=file_status,
                who=who,
                why=why,
                at=now,
                by_person=person,
                version=version + 1,
            )
        )
        return True

    def recoveries(self, req_numbers: Collection[str]) -> Mapping[str, int]:
        return {name: self.counts.get(name, 0) for name in req_numbers}


@dataclass
class MemoryDeliverables:
    """What the broker has; `away` is why nobody can tell. `asked` is how often it was asked."""

    stages: int = 7
    away: str = ""
    said: dict[str, dict[int, Result]] = field(default_factory=dict)
    ago: timedelta = 3 * HOUR
    orphaned: dict[str, int] = field(default_factory=dict)
    words: dict[str, Escalation] = field(default_factory=dict)
    asked: int = 0

    def evidence(self, requests: Mapping[str, datetime | None]) -> Mapping[str, Evidence]:
        self.asked += 1
        now = datetime.now(UTC)
        return {
            name: Evidence(
                req_number=name, stages=tuple(self._stage(name, index) for index in range(self.stages)), read_at=now
            )
            for name in requests
        }

    def _stage(self, name: str, index: int) -> StageEvidence:
        if self.away:
            return StageEvidence(stage=index, presence=Presence.COULD_NOT_TELL, why=self.away)
        result = self.said.get(name, {}).get(index)
        if result is None:
            return StageEvidence(stage=index, presence=Presence.ABSENT)
        at = datetime.now(UTC) - self.ago
        one = Deliverable(req_number=name, stage=index, subject="d", sequence=1, published_at=at, result=result)
        return StageEvidence(stage=index, presence=Presence.PRESENT, deliverable=one)

    def orphans(self, known: Collection[str]) -> Orphans:
        return Orphans(scanned=9, by_request={name: n for name, n in self.orphaned.items() if name not in known})

    def newest(self, req_number: str, *, since: datetime | None) -> Escalation:  # noqa: ARG002
        """As `ports.Escalations`."""
        if self.away:
            return Escalation(req_number=req_number, presence=Presence.COULD_NOT_TELL, why=self.away)
        return self.words.get(req_number, Escalation(req_number=req_number, presence=Presence.ABSENT))


@dataclass
class MemoryPaces:
    """How long stages take, by the workflow that is there; of all others nothing is known."""

    known: dict[str, Pace] = field(default_factory=dict)

    def of(self, req_number: str, stage: int) -> Pace | None:  # noqa: ARG002 - a workflow of a test has one stage
        return self.known.get(req_number)

    def add(self, name: str, *, took: timedelta, slowest: timedelta, known: int = 20) -> None:
        self.known[name] = Pace(since=datetime.now(UTC) - took, known=known, slowest=slowest)

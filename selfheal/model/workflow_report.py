"""What people read of the estate's workflows: as they were when the stores were compared last, and are written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from selfheal.model.deliverable import Presence
from selfheal.model.disagreement import Rule
from selfheal.model.file_change import FileChange
from selfheal.model.workflow import RecoveryLine, WorkflowChange
from selfheal.model.workflow_health import Level


@dataclass(frozen=True, kw_only=True)
class StageSeen:
    """One stage of one workflow.

    Attributes:
        stage: its index.
        agent: whose it is; empty: the settings have no such stage.
        kind: what it delivers; likewise.
        presence: whether it has delivered.
        why: why nobody can tell; empty otherwise.
        result: what the deliverable says of the stage, like DONE; empty: there is none.
        said: the word that it says it with.
        summary: its first words.
        published_at: when; None: there is none.
        oddities: what was tolerated.
    """

    stage: int
    agent: str
    kind: str
    presence: Presence
    why: str = ""
    result: str = ""
    said: str = ""
    summary: str = ""
    published_at: datetime | None = None
    oddities: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class WorkflowSeen:
    """One workflow.

    Attributes:
        id: made of its name; only its place in the list.
        req_number: its name.
        title: for a person.
        file_status: the file's word when it was compared last; None: it has no entry.
        priority: as the file has it.
        owner: likewise.
        line: of its entry.
        status: of `workflow_state`; None: it has no row.
        current_stage: the index of the stage that it stands at.
        agent: whose stage that is.
        since: when the state was changed last; None: it has none.
        started_at: when its run began.
        changed_at: when anything of it changed last.
        held_why: why it was not started when its turn had come; empty: nothing kept it.
        stages: what was delivered; empty: nobody has asked.
        stuck: whether it runs for longer than its stage may take, with nothing newer delivered.
        disagreements: how many are open.
    """

    id: UUID
    req_number: str
    title: str
    file_status: str | None
    priority: str
    owner: str
    line: int | None
    status: str | None
    current_stage: int | None
    agent: str
    since: datetime | None
    started_at: datetime | None
    changed_at: datetime
    held_why: str
    stages: tuple[StageSeen, ...]
    stuck: bool
    disagreements: int

    @property
    def untold(self) -> str:
        """Why some stage could not be told; empty: all could be."""
        return next((one.why for one in self.stages if one.presence is Presence.COULD_NOT_TELL), "")


@dataclass(frozen=True, kw_only=True)
class DisagreementLine:
    """One disagreement, as it was written down.

    Attributes:
        id: its row.
        rule: what settles its kind.
        req_number: the workflow; empty: the whole file.
        file: what the request file says.
        state: what `workflow_state` says.
        evidence: what JetStream says.
        run: what Prefect says.
        note: why its mechanism has not settled it yet.
        first_seen: since when it is known.
        last_seen: when it was found last.
        settled_at: None: it is open.
    """

    id: UUID
    rule: Rule
    req_number: str
    file: str
    state: str
    evidence: str
    run: str
    note: str
    first_seen: datetime
    last_seen: datetime
    settled_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The last comparison.

    Attributes:
        mechanism: that made it.
        compared_at: when.
        file_read: whether the request file could be read.
        requests: that file or state know.
        untold: of them, those of which nobody could tell.
        why: the first reason for that.
        orphans: deliverables without a request; None: they were never counted.
        orphans_at: when they were.
        moved: workflows that it moved.
        held: why moves were not carried out.
    """

    mechanism: str
    compared_at: datetime
    file_read: bool
    requests: int
    untold: int
    why: str
    orphans: int | None
    orphans_at: datetime | None
    moved: int
    held: str


@dataclass(frozen=True, kw_only=True)
class WorkflowsStanding:
    """How all of them stand.

    Attributes:
        level: as a whole.
        by_status: how many have each status in `workflow_state`.
        by_word: how many have each word in the file.
        persons: open disagreements that only a person settles.
        mechanisms: open disagreements that a mechanism settles.
        comparisons: the last one of each mechanism, the newest first.
    """

    level: Level
    by_status: Mapping[str, int]
    by_word: Mapping[str, int]
    persons: int
    mechanisms: int
    comparisons: Sequence[Comparison]


class WorkflowEventKind(StrEnum):
    """What happens to a workflow."""

    CHANGED = "changed"
    RECOVERED = "recovered"
    WRITTEN = "written"
    DELIVERED = "delivered"
    DISAGREED = "disagreed"
    SETTLED = "settled"


@dataclass(frozen=True, kw_only=True)
class WorkflowEvent:
    """One thing that happened to a workflow.

    Attributes:
        at: when.
        kind: what.
        words: the same for a person.
        who: the mechanism, agent or person; empty: nobody is known.
    """

    at: datetime
    kind: WorkflowEventKind
    words: str
    who: str = ""


@dataclass(frozen=True, kw_only=True)
class WorkflowStory:
    """One workflow with all that belongs to it.

    Attributes:
        workflow: as it was seen last.
        disagreements: open and settled ones, the newest first.
        recoveries: the latest first.
        changes: of its state, likewise.
        writes: of its status line in the request file, likewise.
    """

    workflow: WorkflowSeen
    disagreements: Sequence[DisagreementLine]
    recoveries: Sequence[RecoveryLine]
    changes: Sequence[WorkflowChange]
    writes: Sequence[FileChange]


@dataclass(frozen=True, kw_only=True)
class WorkflowFilter:
    """Which workflows are wanted; what is empty does not matter.

    Attributes:
        status: of `workflow_state`.
        word: of the request file.
        text: that is part of its name or title.
        disagreeing: only those with an open disagreement.
    """

    status: str = ""
    word: str = ""
    text: str = ""
    disagreeing: bool = False

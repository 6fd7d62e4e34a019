"""Where the stores of the estate's workflows disagree: request file, `workflow_state`, JetStream, runs of Prefect.

`policy.disagreements` finds them, `policy.disagreement_rules` says of each kind what settles it.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from selfheal.model.deliverable import Evidence, Orphans
from selfheal.model.pipeline import Pipeline
from selfheal.model.request import Reading, RequestStatus, StatusChange
from selfheal.model.workflow import Workflow, WorkflowStatus


class Kind(StrEnum):
    """What disagrees with what. Of one workflow there is at most one, and one more for each run that claims it."""

    FILE_SHRANK = "FILE_SHRANK"
    CONFLICT = "CONFLICT"
    DUPLICATE = "DUPLICATE"
    NO_STATUS = "NO_STATUS"
    VANISHED = "VANISHED"
    NO_STATE = "NO_STATE"
    COMPLETE_WITHOUT_EVIDENCE = "COMPLETE_WITHOUT_EVIDENCE"
    COMPLETE_IN_FILE = "COMPLETE_IN_FILE"
    ALL_DELIVERED = "ALL_DELIVERED"
    STAGE_REFUSED = "STAGE_REFUSED"
    STAGE_SKIPPED = "STAGE_SKIPPED"
    STAGE_BEHIND = "STAGE_BEHIND"
    ZOMBIE = "ZOMBIE"
    STATE_BEHIND = "STATE_BEHIND"
    FILE_BEHIND = "FILE_BEHIND"
    REVERTED = "REVERTED"
    OVERRULED = "OVERRULED"
    PUT_BACK = "PUT_BACK"
    HELD = "HELD"
    GIVEN_UP = "GIVEN_UP"
    BEGUN_ELSEWHERE = "BEGUN_ELSEWHERE"
    ORPHANS = "ORPHANS"
    LOST_RUN = "LOST_RUN"
    RUN_AFTER_END = "RUN_AFTER_END"


class Settler(StrEnum):
    """Who settles it."""

    PERSON = "a person"
    PERSISTENCE = "workflow-persistence"
    HEALTH_CHECK = "recovery-health-check"
    RECONCILE = "reconcile"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What settles one kind.

    Attributes:
        kind: which.
        what: how the stores disagree.
        rule: what is done about it, and why that is right.
        settler: who does it.
        advice: what a person does, or looks at where a mechanism settles it.
    """

    kind: Kind
    what: str
    rule: str
    settler: Settler
    advice: str


@dataclass(frozen=True, kw_only=True)
class Move:
    """How a mechanism settles it.

    Attributes:
        version: of the workflow that this was decided on; on another it is not carried out.
        status: that its state gets.
        stage: that its state gets.
        file_before: what the file says; it must still say that when the file is written.
        file_after: what it says afterwards; the same: the file is not written.
    """

    version: int
    status: WorkflowStatus
    stage: int
    file_before: str
    file_after: RequestStatus


@dataclass(frozen=True, kw_only=True)
class Disagreement:
    """One, with what each store says; a store that says nothing of it says the empty text.

    Attributes:
        kind: of which sort.
        req_number: the workflow; empty: it is about the whole file.
        file: what the request file says.
        state: what `workflow_state` says.
        evidence: what JetStream says.
        run: what Prefect says.
        move: how a mechanism settles it; None: none does, or another one does in its own way.
    """

    kind: Kind
    req_number: str
    file: str = ""
    state: str = ""
    evidence: str = ""
    run: str = ""
    move: Move | None = None


@dataclass(frozen=True, kw_only=True)
class ClaimedRun:
    """A flow run that Prefect has as running, and that says it works on a workflow.

    Attributes:
        run: its id and name, for a person.
        req_number: which workflow.
        gone: whether its process on this host is gone; False also where nobody can tell.
    """

    run: str
    req_number: str
    gone: bool


@dataclass(frozen=True, kw_only=True)
class Stores:
    """What every store says, read within one minute.

    Attributes:
        pipeline: that the workflows go through.
        reading: of the request file; None: it could not be read, and nothing is compared with it.
        shrunk: why the file is not to be believed; empty: it is.
        workflows: by name.
        evidence: by name; of whom there is none nobody has asked, or could tell.
        written: the last status that we ourselves wrote into the file, by name, as `file_changes` has it.
        orphans: None: nobody could tell.
        runs: that claim to work on workflows; None: Prefect could not be asked.
        now: by the database's clock.
    """

    pipeline: Pipeline
    reading: Reading | None
    shrunk: str = ""
    workflows: Mapping[str, Workflow] = field(default_factory=dict)
    evidence: Mapping[str, Evidence] = field(default_factory=dict)
    written: Mapping[str, StatusChange] = field(default_factory=dict)
    orphans: Orphans | None = None
    runs: Collection[ClaimedRun] | None = None
    now: datetime


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One comparison.

    Attributes:
        disagreements: what was found, by name and kind.
        could_not_tell: why nothing is said of a workflow, or of all of them (by the empty name).
        changing: workflows that were in the middle of a change, and were not compared.
    """

    disagreements: Sequence[Disagreement]
    could_not_tell: Mapping[str, str]
    changing: frozenset[str] = frozenset()

    @property
    def counts(self) -> Mapping[Kind, int]:
        """How many there are of each kind."""
        return Counter(one.kind for one in self.disagreements)


@dataclass(frozen=True, kw_only=True)
class Settled:
    """What came of the moves of one comparison.

    Attributes:
        moved: the workflows that were moved.
        held: why a move was not carried out, by workflow.
        storm: why none was: more at once than may be; empty: they were not so many.
    """

    moved: frozenset[str] = frozenset()
    held: Mapping[str, str] = field(default_factory=dict)
    storm: str = ""

"""Keeps `workflow_state` true: takes new requests in, and settles where the stores disagree by the table of rules.

`workflow-persistence` calls it at every start and every few minutes. The file leads in what people and agents write
there, JetStream in what is done; the state never invents either. What only a person settles is left as it is.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from selfheal.model.deliverable import Evidence
from selfheal.model.disagreement import Disagreement, Move, Stores
from selfheal.model.errors import SelfhealError
from selfheal.model.pipeline import Pipeline
from selfheal.model.request import Entry, Reading, RequestStatus
from selfheal.model.start import StartState
from selfheal.model.workflow import Workflow
from selfheal.policy.delivered import recorded, remembered
from selfheal.policy.disagreement_rules import RULES
from selfheal.policy.disagreements import compare
from selfheal.policy.taking_in import OPEN, SETTLED, priority_of, status_of, taken_in, too_many
from selfheal.ports import Clock, Deliverables, RequestFile, WorkflowStarts, WorkflowStore

WHO = "workflow-persistence"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Keeping:
    """What keeping the states needs.

    Attributes:
        file: the request file.
        states: `workflow_state`.
        starts: of workflows: one that is not finished is nobody else's business.
        deliverables: on JetStream.
        clock: time.
        pipeline: that they go through.
        at_most: more workflows than that do not start again in one run.
        keep: complete ones are kept so long.
        allowed: whether the request file may be written, by `healing.allow`.
    """

    file: RequestFile
    states: WorkflowStore
    starts: WorkflowStarts
    deliverables: Deliverables
    clock: Clock
    pipeline: Pipeline
    at_most: int
    keep: timedelta
    allowed: bool


@dataclass
class Kept:
    """What one run has done.

    Attributes:
        taken_in: new workflows.
        settled: by name, what was settled.
        left: by name, what was not, and why.
        forgotten: complete ones that were dropped.
    """

    taken_in: list[str] = field(default_factory=list)
    settled: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)
    forgotten: int = 0

    @property
    def words(self) -> str:
        """For a person."""
        counts = f"{len(self.taken_in)} taken in, {len(self.settled)} settled, {len(self.left)} left, "
        told = [f"{name}: {what}" for name, what in [*self.settled.items(), *self.left.items()]]
        return "; ".join([counts + f"{self.forgotten} forgotten", *told])


@dataclass(frozen=True, kw_only=True)
class Read:
    """What all stores said in one run.

    Attributes:
        reading: of the request file.
        workflows: by name.
        evidence: by name, with what was recorded in place of what has expired.
    """

    reading: Reading
    workflows: Mapping[str, Workflow]
    evidence: Mapping[str, Evidence]

    def once(self) -> Mapping[str, Entry]:
        """The entries that stand there once."""
        twice = {*self.reading.duplicates, *self.reading.conflicts}
        return {one.id: one for one in self.reading.entries if one.id not in twice}


def look(works: Keeping) -> Read:
    """Read the file, the states, and the deliverables of those that are open.

    Raises:
        Transient: the file or the database cannot be read.
    """
    reading, now = works.file.read(), works.clock.now()
    workflows = {one.req_number: one for one in works.states.all()}
    asked = {name: one.since(now) for name, one in workflows.items() if one.status in OPEN}
    for entry in reading.entries:
        if entry.id not in workflows and status_of(entry.status) in OPEN:
            asked[entry.id] = now if entry.status == RequestStatus.NEW else None
    told = works.deliverables.evidence(asked) if asked else {}
    evidence = {
        name: remembered(one, workflows[name].stage_deliverables if name in workflows else {})
        for name, one in told.items()
    }
    return Read(reading=reading, workflows=workflows, evidence=evidence)


def keep(works: Keeping, read: Read, *, although_many: bool = False) -> Kept:
    """Take in, settle, describe; one workflow that fails stops no other."""
    kept = Kept()
    unfinished = {one.req_number for one in works.starts.open() if one.state is not StartState.RECORDED}
    _take_in(works, read, kept)
    found = [one for one in disagreements(works, read) if one.req_number not in unfinished]
    many = frozenset() if although_many else too_many(found, works.at_most)
    for one in found:
        why = _why_not(one, works)
        if one.kind in many:
            why = f"more than {works.at_most} would start again at once: a person says whether that is meant"
        if why or one.move is None:
            kept.left[one.req_number] = f"{one.kind}: {why or RULES[one.kind].rule}"
            continue
        try:
            _settle(works, one, one.move, read, kept)
        except SelfhealError as error:
            kept.left[one.req_number] = f"{one.kind}: {error}"
            _log.warning("%s of %s is not settled: %s", one.kind, one.req_number, error)
    _describe(works, read, kept)
    return kept


def disagreements(works: Keeping, read: Read) -> list[Disagreement]:
    """Where the stores disagree, of those that a run of this mechanism has to do with."""
    stores = Stores(
        pipeline=works.pipeline,
        reading=read.reading,
        workflows=read.workflows,
        evidence=read.evidence,
        now=works.clock.now(),
    )
    return [one for one in compare(stores).disagreements if one.req_number]


def _why_not(one: Disagreement, works: Keeping) -> str:
    """Why it is not for this mechanism to settle; empty: it is."""
    if one.kind not in SETTLED:
        return RULES[one.kind].advice
    writes = one.move is not None and one.move.file_before != one.move.file_after
    if writes and not works.allowed:
        return "the request file may not be written: add workflows to healing.allow"
    return ""


def _take_in(works: Keeping, read: Read, kept: Kept) -> None:
    """New entries, in the file's order, which is that of their age."""
    for name, entry in read.once().items():
        if name in read.workflows:
            continue
        new = taken_in(entry, read.evidence.get(name), works.pipeline, works.clock.now())
        if new is None:
            continue
        try:
            if works.states.create(new, who=WHO, why=f"line {entry.line} of the request file says {entry.status}"):
                kept.taken_in.append(name)
        except SelfhealError as error:
            kept.left[name] = str(error)
            _log.warning("%s is not taken in: %s", name, error)


def _settle(works: Keeping, one: Disagreement, move: Move, read: Read, kept: Kept) -> None:
    """The file first: if this breaks off between the two, the next run finds the file's word and our evidence."""
    rule, told = RULES[one.kind], read.evidence.get(one.req_number)
    if move.file_before != move.file_after:
        works.file.write_status(
            one.req_number, before=move.file_before, after=move.file_after, who=WHO, why=f"{one.kind}: {rule.rule}"
        )
    moved = works.states.change(
        one.req_number,
        version=move.version,
        status=move.status,
        stage=move.stage,
        file_status=move.file_after,
        who=WHO,
        why=f"{one.kind}: {one.evidence or rule.rule}",
        deliverables=None if told is None else recorded(told),
    )
    if moved:
        kept.settled[one.req_number] = f"{one.kind}: {move.status} at stage {move.stage}"
    else:
        kept.left[one.req_number] = f"{one.kind}: it was changed just now; it is looked at again"


def _describe(works: Keeping, read: Read, kept: Kept) -> None:
    """Titles and priorities are the file's."""
    for name, entry in read.once().items():
        one, priority = read.workflows.get(name), priority_of(entry)
        if one is None or name in kept.settled or one.status not in OPEN:
            continue
        title = entry.title or one.title
        if (one.title, one.priority) == (title[:500], priority or one.priority):
            continue
        try:
            works.states.describe(
                one, title=title, priority=priority or one.priority, who=WHO, why="the request file says so"
            )
        except SelfhealError as error:
            _log.warning("%s keeps its old title and priority: %s", name, error)

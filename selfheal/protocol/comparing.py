"""Reads what every store says of the workflows, and carries out the moves that settle where they disagree.

Called by the mechanisms of workflows, once in each of their runs; never by the web server. What was decided is compared
again by whoever writes: the state's version, the file's status line. A move that comes too late is not carried out.
"""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from selfheal.model.disagreement import ClaimedRun, Compared, Disagreement, Kind, Move, Settled, Stores
from selfheal.model.errors import SelfhealError, Transient
from selfheal.model.pipeline import Pipeline
from selfheal.model.request import Reading, RequestStatus, StatusChange
from selfheal.model.workflow import Workflow, WorkflowStatus
from selfheal.policy.delivered import recorded, remembered
from selfheal.policy.disagreement_rules import RULES
from selfheal.policy.disagreements import compare
from selfheal.policy.taking_in import RESTARTS
from selfheal.ports import Clock, Deliverables, RequestFile, WorkflowStore

_log = logging.getLogger(__name__)
_ENDED = frozenset({RequestStatus.FAILED.value, RequestStatus.REJECTED.value})


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Where the stores are.

    Attributes:
        file: the request file.
        deliverables: JetStream.
        states: `workflow_state`.
        written: gives the last status that we wrote into the file, by workflow.
        runs: gives the runs that claim a workflow; None: Prefect cannot be asked.
        pipeline: of the workflows.
        clock: the time.
    """

    file: RequestFile
    deliverables: Deliverables
    states: WorkflowStore
    written: Callable[[], Mapping[str, StatusChange]]
    runs: Callable[[], Collection[ClaimedRun] | None]
    pipeline: Pipeline
    clock: Clock


def look(sources: Sources) -> Stores:
    """What every store says now; the state is read last, so that what is newer in it is not taken for older.

    Deliverables without a request are not counted: that reads every subject of every stream, and is recovery's.

    Raises:
        Transient: the database does not answer.
    """
    reading = _reading(sources.file)
    began = {one.req_number: one for one in sources.states.all()}
    asked = dict(_asked(reading, began, sources.clock.now()))
    told = sources.deliverables.evidence(asked) if asked else {}
    evidence = {
        name: remembered(one, began[name].stage_deliverables if name in began else {}) for name, one in told.items()
    }
    return Stores(
        pipeline=sources.pipeline,
        reading=reading,
        shrunk="" if reading is None else reading.shrunk,
        workflows={one.req_number: one for one in sources.states.all()},
        evidence=evidence,
        written=sources.written(),
        runs=sources.runs(),
        now=sources.clock.now(),
    )


def settle(compared: Compared, stores: Stores, sources: Sources, *, most: int, who: str) -> Settled:
    """Carry out the moves. Of those that make workflows start again all, or none where there are more than `most`.

    So many at once are rather an old copy of the file than a decision: a person looks first. What was delivered, and
    what is stopped, is followed however much it is.
    """
    moves = [one for one in compared.disagreements if one.move is not None]
    again, storm = sum(one.kind in RESTARTS for one in moves), ""
    if again > most:
        storm = (
            f"{again} workflows would start again at once, and {most} is the limit: none of them is moved"
            " until a person has looked at `selfheal workflows disagreements`"
        )
        moves = [one for one in moves if one.kind not in RESTARTS]
    moved, held = set[str](), dict[str, str]()
    for one in moves:
        if (why := _carried(one, one.move, stores, sources, who)) is None:
            moved.add(one.req_number)
        else:
            held[one.req_number] = why
            _log.warning("%s of %s is not settled: %s", one.kind, one.req_number, why)
    return Settled(moved=frozenset(moved), held=held, storm=storm)


def looked_at(sources: Sources) -> tuple[Stores, Compared]:
    """What every store says, and where they disagree."""
    stores = look(sources)
    return stores, compare(stores)


def _reading(file: RequestFile) -> Reading | None:
    """The file, if it can be read."""
    try:
        return file.read()
    except Transient as error:
        _log.warning("the request file is not compared: %s", error)
        return None


def _asked(
    reading: Reading | None, workflows: Mapping[str, Workflow], now: datetime
) -> Iterator[tuple[str, datetime | None]]:
    """The requests from whose deliverables something would follow, with since when they are under way."""
    said = {} if reading is None else {one.id: one.status for one in reading.entries}
    for name in sorted(set(said) | set(workflows)):
        workflow = workflows.get(name)
        if workflow is None and said.get(name) in _ENDED:
            continue
        if workflow is not None and workflow.status is WorkflowStatus.FAILED and said.get(name) in {None, *_ENDED}:
            continue
        unseen = now if said.get(name) == RequestStatus.NEW else None  # nobody has begun it yet
        yield name, unseen if workflow is None else workflow.since(now)


def _carried(found: Disagreement, move: Move | None, stores: Stores, sources: Sources, who: str) -> str | None:
    """Write the file first, whose writing can fail, then the state; None: done, else why not.

    Killed in between, the next comparison finds our own word in the file, and the state follows it.
    """
    if move is None:
        return "there is nothing to move"
    why, told = f"{found.kind}: {RULES[found.kind].rule}", stores.evidence.get(found.req_number)
    try:
        if move.file_after != move.file_before:
            write = sources.file.write_status
            write(found.req_number, before=move.file_before, after=move.file_after, who=who, why=why)
        changed = sources.states.change(
            found.req_number,
            version=move.version,
            status=move.status,
            stage=move.stage,
            file_status=move.file_after,
            who=who,
            why=why,
            deliverables=None if told is None else recorded(told),
        )
    except SelfhealError as error:
        return error.message
    return None if changed else "it was changed meanwhile"


__all__ = ["Kind", "Sources", "look", "looked_at", "settle"]

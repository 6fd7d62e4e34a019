"""Compares the stores of the estate's workflows, and decides what settles where they disagree.

The order of the questions is the rule: first whether the file can be believed at all, then the evidence, then whose
word is the newer one. A workflow of which the evidence could not be told is moved by nothing that is found here.
"""

from collections.abc import Iterator
from datetime import timedelta

from selfheal.model.deliverable import Orphans
from selfheal.model.disagreement import Compared, Disagreement, Kind, Stores
from selfheal.model.request import Reading
from selfheal.model.workflow import Workflow, WorkflowStatus
from selfheal.policy.disagreement_case import Case, told_state
from selfheal.policy.disagreement_cases import of_case

OPEN = frozenset({WorkflowStatus.PENDING, WorkflowStatus.RUNNING, WorkflowStatus.BLOCKED})
SETTLING = timedelta(minutes=2)
"""A workflow that was changed so lately may be in the middle of a change: file and state are two writes."""
_OF_THE_FILE = frozenset(
    {Kind.FILE_SHRANK, Kind.CONFLICT, Kind.DUPLICATE, Kind.NO_STATUS, Kind.VANISHED, Kind.NO_STATE}
)
"""Kinds that the file and the state alone make."""
_MANY = 3
_ORPHANS_TOLD = 200


def compare(stores: Stores) -> Compared:
    """All disagreements between the stores, by name and kind."""
    found, untold = [*_of_runs(stores), *of_orphans(stores.orphans)], dict[str, str]()
    changing = frozenset(name for name, one in stores.workflows.items() if stores.now - one.updated_at < SETTLING)
    if stores.reading is None:
        untold[""] = "the request file could not be read"
    elif shrunk := stores.shrunk or _shrunk(stores.reading, stores):
        found.append(Disagreement(kind=Kind.FILE_SHRANK, req_number="", file=shrunk))
        untold[""] = shrunk
    else:
        for case in _cases(stores, stores.reading, changing):
            found += of_case(case)
            if case.could_not_tell and case.matters:
                untold[case.req_number] = case.could_not_tell
    found.sort(key=lambda one: (one.req_number, one.kind, one.run))
    return Compared(disagreements=tuple(found), could_not_tell=untold, changing=changing)


def is_over(kind: Kind, req_number: str, stores: Stores, compared: Compared) -> bool:
    """Whether a disagreement that was known before and is not among `compared` is settled, or was not looked for."""
    if kind is Kind.ORPHANS:
        return stores.orphans is not None and not stores.orphans.could_not_tell
    if kind in {Kind.LOST_RUN, Kind.RUN_AFTER_END}:
        return stores.runs is not None and (kind is Kind.LOST_RUN or req_number not in compared.changing)
    if "" in compared.could_not_tell or req_number in compared.changing:
        return False
    return kind in _OF_THE_FILE or req_number not in compared.could_not_tell


def _cases(stores: Stores, reading: Reading, changing: frozenset[str]) -> Iterator[Case]:
    """One for each request that the file or the state knows, unless it is just being changed."""
    known = {one.id for one in reading.entries}
    entries = {one.id: one for one in reading.entries}
    for name in sorted((known | set(stores.workflows)) - changing):
        yield Case(
            req_number=name,
            entry=entries.get(name),
            lines=reading.duplicates.get(name, ()),
            conflict=reading.conflicts.get(name, ()),
            workflow=stores.workflows.get(name),
            evidence=stores.evidence.get(name),
            written=stores.written.get(name),
            pipeline=stores.pipeline,
            now=stores.now,
        )


def _shrunk(reading: Reading, stores: Stores) -> str:
    """Why the file is not to be believed: most of what is under way stands there no more; empty: it is."""
    known = {one.id for one in reading.entries}
    under_way = [name for name, one in stores.workflows.items() if one.status in OPEN]
    missing = sum(name not in known for name in under_way)
    if missing < _MANY or 2 * missing <= len(under_way):
        return ""
    return f"{missing} of {len(under_way)} open workflows have vanished from it"


def of_orphans(orphans: Orphans | None) -> Iterator[Disagreement]:
    """Deliverables that belong to nothing; those of which there are most, if there are very many."""
    found = {} if orphans is None else orphans.by_request
    for name, count in sorted(found.items(), key=lambda one: (-one[1], one[0]))[:_ORPHANS_TOLD]:
        told = f"{count} deliverable{'' if count == 1 else 's'}"
        yield Disagreement(kind=Kind.ORPHANS, req_number=name, evidence=told)


def _of_runs(stores: Stores) -> Iterator[Disagreement]:
    """Runs that claim a workflow and do not work on it, or should not."""
    for run in stores.runs or ():
        workflow = stores.workflows.get(run.req_number)
        state = told_state(workflow, stores.pipeline)
        if run.gone:
            yield Disagreement(kind=Kind.LOST_RUN, req_number=run.req_number, state=state, run=run.run)
        elif _ended(workflow, stores):
            yield Disagreement(kind=Kind.RUN_AFTER_END, req_number=run.req_number, state=state, run=run.run)


def _ended(workflow: Workflow | None, stores: Stores) -> bool:
    """Whether it has, for longer than the run that ended it needs for its own end."""
    return workflow is not None and workflow.status not in OPEN and stores.now - workflow.updated_at >= SETTLING

"""Keeps `workflow_state` true: takes new requests in, settles where the stores disagree, forgets what is long complete.

`workflow-persistence` calls it at every start and every few minutes. The file leads in what people and agents write
there, JetStream in what is done; the state never invents either. What only a person settles is left, and shown.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from selfheal.model.deliverable import Projected
from selfheal.model.disagreement import Compared, Disagreement, Settled, Stores
from selfheal.model.errors import SelfhealError
from selfheal.model.request import Entry
from selfheal.model.start import StartState
from selfheal.policy.taking_in import OPEN, priority_of, taken_in
from selfheal.ports import WorkflowStarts
from selfheal.protocol.comparing import Sources, looked_at, settle

WHO = "workflow-persistence"
_FORBIDDEN = "the request file may not be written: add workflows to healing.allow"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Keeping:
    """What keeping the states needs.

    Attributes:
        sources: the stores.
        starts: of workflows: one that is not finished is nobody else's business.
        record: keeps what was compared, for people.
        at_most: more workflows than that do not start again in one run.
        project: takes what was delivered since the last run into the history that people read.
        forget: drops what is older of that history, of copies that were pruned, and of settled disagreements.
        keep: complete ones are kept so long, and so is what belongs to them.
        allowed: whether the request file may be written, by `healing.allow`.
    """

    sources: Sources
    starts: WorkflowStarts
    record: Callable[[Stores, Compared, Settled], object]
    project: Callable[[], Projected]
    forget: Callable[[timedelta], int]
    at_most: int
    keep: timedelta
    allowed: bool


@dataclass
class Kept:
    """What one run has done.

    Attributes:
        unbelieved: why the request file was left alone: it could not be read, or has shrunk; empty: it was not.
        taken_in: new workflows.
        settled: what came of the disagreements.
        left: those that are not settled, or not by this mechanism.
        described: workflows that got another title or priority.
        forgotten: complete ones that were dropped.
    """

    unbelieved: str = ""
    taken_in: list[str] = field(default_factory=list)
    settled: Settled = field(default_factory=Settled)
    left: list[Disagreement] = field(default_factory=list)
    described: int = 0
    forgotten: int = 0

    @property
    def words(self) -> str:
        """For a person."""
        counts = (
            f"{len(self.taken_in)} taken in, {len(self.settled.moved)} settled, {len(self.left)} left,"
            f" {self.forgotten} forgotten"
        )
        told = [f"{name}: {why}" for name, why in self.settled.held.items()]
        return "; ".join(filter(None, [counts, self.unbelieved, self.settled.storm, *told]))


def keep(works: Keeping, *, although_many: bool = False) -> Kept:
    """One run; one workflow that fails stops no other.

    Args:
        works: what it needs.
        although_many: a person has said that so many may start again.

    Raises:
        Transient: the database does not answer.
    """
    stores, compared = looked_at(works.sources)
    kept = Kept(unbelieved=compared.could_not_tell.get("", ""))
    if not kept.unbelieved:
        kept.taken_in = _take_in(works, stores)
    mine, forbidden = _mine(works, compared)
    most = len(mine.disagreements) if although_many else works.at_most
    done = settle(mine, stores, works.sources, most=most, who=WHO)
    kept.settled = replace(done, held={**done.held, **forbidden})
    over = done.moved | set(kept.taken_in)
    kept.left = [one for one in compared.disagreements if one.req_number not in over]
    if not kept.unbelieved:
        kept.described = _describe(works, stores, kept)
    works.record(stores, compared, replace(kept.settled, moved=over))
    kept.forgotten = works.sources.states.forget(older=works.keep)
    works.forget(works.keep)
    return kept


def would_keep(works: Keeping) -> str:
    """What `keep` would do now, for a person; nothing is written."""
    stores, compared = looked_at(works.sources)
    unbelieved = compared.could_not_tell.get("", "")
    new = [] if unbelieved else [name for name, _ in _new(works, stores)]
    told = [
        f"{one.req_number}: {one.kind}"
        + (f", would be {one.move.status} at stage {one.move.stage}" if one.move else ", is left")
        for one in compared.disagreements
    ]
    return "; ".join(filter(None, [unbelieved, *(f"{name} would be taken in" for name in new), *told])) or "nothing"


def _mine(works: Keeping, compared: Compared) -> tuple[Compared, Mapping[str, str]]:
    """What this run settles, and what it must not, by workflow: a start that is under way is finished by its own."""
    starting = {one.req_number for one in works.starts.open() if one.state is not StartState.RECORDED}
    forbidden = {
        one.req_number: _FORBIDDEN
        for one in compared.disagreements
        if one.move is not None and one.move.file_before != one.move.file_after and not works.allowed
    }
    found = [one for one in compared.disagreements if one.req_number not in {*starting, *forbidden}]
    return replace(compared, disagreements=tuple(found)), forbidden


def _once(stores: Stores) -> Mapping[str, Entry]:
    """The entries that stand in the file once, in its order."""
    if stores.reading is None:
        return {}
    twice = {*stores.reading.duplicates, *stores.reading.conflicts}
    return {one.id: one for one in stores.reading.entries if one.id not in twice}


def _new(works: Keeping, stores: Stores) -> list[tuple[str, Entry]]:
    """Open requests that have no state."""
    now = works.sources.clock.now()
    return [
        (name, entry)
        for name, entry in _once(stores).items()
        if name not in stores.workflows and taken_in(entry, None, works.sources.pipeline, now) is not None
    ]


def _take_in(works: Keeping, stores: Stores) -> list[str]:
    """New requests, in the file's order, which is that of their age."""
    found, now = [], works.sources.clock.now()
    for name, entry in _new(works, stores):
        new = taken_in(entry, stores.evidence.get(name), works.sources.pipeline, now)
        why = f"line {entry.line} of the request file says {entry.status}"
        try:
            if new is not None and works.sources.states.create(new, who=WHO, why=why):
                found.append(name)
        except SelfhealError as error:
            _log.warning("%s is not taken in: %s", name, error)
    return found


def _describe(works: Keeping, stores: Stores, kept: Kept) -> int:
    """Titles and priorities are the file's; where it has none, the state keeps its own."""
    count = 0
    for name, entry in _once(stores).items():
        one = stores.workflows.get(name)
        if one is None or name in kept.settled.moved or one.status not in OPEN:
            continue
        title, priority = entry.title[:500] or one.title, priority_of(entry) or one.priority
        if (one.title, one.priority) == (title, priority):
            continue
        try:
            why = "the request file says so"
            count += works.sources.states.describe(one, title=title, priority=priority, who=WHO, why=why)
        except SelfhealError as error:
            _log.warning("%s keeps its old title and priority: %s", name, error)
    return count

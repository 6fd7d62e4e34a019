"""A person's word about one workflow: block it, or let it go on.

No heal: nothing has to be wrong with it, and no pause of the healer keeps a person from it. The same compare-and-swap
as everywhere keeps it apart from what heals: whoever writes first wins, and the other one is told. From a person's word
on recoveries count anew.
"""

from dataclasses import dataclass

from selfheal.model.errors import Permanent, TargetChanged
from selfheal.model.request import RequestStatus
from selfheal.model.workflow import STATUS_OF, Workflow
from selfheal.policy.delivered import done
from selfheal.policy.names import nearest
from selfheal.protocol.recovery import Recovery

BLOCKABLE = frozenset(
    {
        RequestStatus.NEW,
        RequestStatus.PENDING,
        RequestStatus.IN_PROGRESS,
        RequestStatus.ESCALATED,
        RequestStatus.DEFERRED,
        RequestStatus.FAILED,
    }
)
RESUMABLE = frozenset(
    {
        RequestStatus.BLOCKED,
        RequestStatus.ESCALATED,
        RequestStatus.DEFERRED,
        RequestStatus.FAILED,
        RequestStatus.REJECTED,
    }
)


@dataclass(frozen=True, kw_only=True)
class Word:
    """What a person's word would change.

    Attributes:
        req_number: which workflow.
        before: what the file says.
        after: what it will say.
        stage: where its state will stand.
        version: of its state, on which this was decided.
    """

    req_number: str
    before: str
    after: RequestStatus
    stage: int
    version: int

    @property
    def words(self) -> str:
        """The same for a person."""
        return f"{self.req_number}: {self.before} becomes {self.after} at stage {self.stage}"


def to_block(recovery: Recovery, req_number: str) -> Word:
    """What blocking it would change.

    Raises:
        Permanent: there is no such workflow, or it has ended, or is blocked already.
        Transient: it cannot be looked at.
    """
    before, row = _found(recovery, req_number, BLOCKABLE, "blocked")
    return Word(
        req_number=req_number,
        before=before,
        after=RequestStatus.BLOCKED,
        stage=row.current_stage,
        version=row.version,
    )


def to_resume(recovery: Recovery, req_number: str) -> Word:
    """What letting it go on would change: it is pending at the first stage that is not done; raises as `to_block`.

    What nobody can tell of its deliverables is taken from its state: a person has decided that it goes on.
    """
    before, row = _found(recovery, req_number, RESUMABLE, "resumed")
    evidence = recovery.looks.one(req_number).evidence
    following = recovery.pipeline.following(evidence.done | done(row.stage_deliverables))
    return Word(
        req_number=req_number,
        before=before,
        after=RequestStatus.PENDING,
        stage=(following or recovery.pipeline.last).index,
        version=row.version,
    )


def keep(recovery: Recovery, word: Word, *, who: str, why: str) -> None:
    """Write it: the file, then the state.

    Raises:
        TargetChanged: somebody else has moved it meanwhile; nothing is written.
        Transient: it cannot be written.
    """
    name, after = word.req_number, word.after
    recovery.file.write_status(name, before=word.before, after=after, who=who, why=why)
    moved = recovery.states.change(
        name,
        version=word.version,
        status=STATUS_OF[after],
        stage=word.stage,
        file_status=after.value,
        who=who,
        why=why,
        person=True,
    )
    if not moved:
        back = RequestStatus(word.before)
        recovery.file.write_status(name, before=after, after=back, who=who, why="taken back: its state was moved")
        raise TargetChanged(f"{name} was moved by somebody else meanwhile: nothing is changed", hint="look again")


def _found(recovery: Recovery, req_number: str, may: frozenset[RequestStatus], what: str) -> tuple[str, Workflow]:
    """What the file says of it, and its state."""
    reading, row = recovery.file.read(), recovery.states.get(req_number)
    entry = reading.entry(req_number)
    if entry is None:
        several = any(one.id == req_number for one in reading.entries)
        known = "" if several else nearest(req_number, {one.id for one in reading.entries})
        how = "stands in the request file several times" if several else "is not in the request file"
        raise Permanent(f"{req_number[:100]!r} {how}{known}")
    if entry.status not in may:
        raise Permanent(f"{req_number} is {entry.status or 'without a status'}: it cannot be {what}")
    if row is None:
        raise Permanent(f"{req_number} is not taken in yet", hint="workflow-persistence does that within minutes")
    return entry.status, row

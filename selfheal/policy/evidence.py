"""Decides whether a stage has delivered, from one look at its stream: present, absent, or nobody can tell.

The client of JetStream calls this. The rule stands in docs/decisions/evidence.md: absent is only said where the
stream has kept everything since the request began.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from selfheal.model.deliverable import Presence, StageEvidence
from selfheal.model.pipeline import Stage
from selfheal.model.stream import StoredMessage, StreamLook, StreamState
from selfheal.policy.catalogue import is_request
from selfheal.policy.deliverables import deliverable

MARGIN = timedelta(seconds=2)
"""What clocks that are kept in step may differ by, and what lies between a request's beginning and its record."""
SKEWED = timedelta(minutes=1)
"""A broker whose clock differs by more than that from ours says nothing about times."""


def judge(stage: Stage, req_number: str, since: datetime | None, look: StreamLook) -> StageEvidence:
    """What the look says of this stage of this request.

    Args:
        stage: of the pipeline.
        req_number: the request.
        since: since when it has been under way, by our clock; None: nobody knows.
        look: at the stage's stream, for all of the stage's subjects.
    """
    subjects = subjects_of(stage, req_number)
    why = "" if is_request(req_number) else "it is no id of a request"
    why = why or look.why or _not_kept(stage, subjects, look)
    if why:
        return StageEvidence(stage=stage.index, presence=Presence.COULD_NOT_TELL, why=why)
    found = newest(look.newest[one] for one in subjects if one in look.newest)
    if found is not None:
        read = deliverable(
            found.data,
            stage=stage,
            req_number=req_number,
            subject=found.subject,
            sequence=found.sequence,
            published_at=found.stored_at,
        )
        return StageEvidence(stage=stage.index, presence=Presence.PRESENT, deliverable=read)
    why = lost(look, req_number, since)
    return StageEvidence(stage=stage.index, presence=Presence.COULD_NOT_TELL if why else Presence.ABSENT, why=why)


def subjects_of(stage: Stage, req_number: str) -> tuple[str, ...]:
    """All subjects under which this stage of this request may be delivered."""
    return tuple(f"{one}.{req_number}" for one in stage.subjects)


def newest(messages: Iterable[StoredMessage]) -> StoredMessage | None:
    """The one that was stored last: it counts, whatever those before it said."""
    return max(messages, key=lambda one: one.sequence, default=None)


def covers(patterns: Collection[str], subject: str) -> bool:
    """Whether a stream with these subjects keeps what is published under this one."""
    return any(_matches(pattern.split("."), subject.split(".")) for pattern in patterns)


def lost(look: StreamLook, req_number: str, since: datetime | None) -> str:
    """Why something that was stored since then may be gone; empty: the stream has kept all of it."""
    stream = look.stream
    if stream is None:
        return "the broker did not describe the stream"
    if stream.peculiar:
        return f"stream {stream.name} {stream.peculiar}"
    if any(subject.endswith(f".{req_number}") for subject in look.pruned.values()):
        return f"what it had delivered was pruned from stream {stream.name}"
    if since is None:
        return "nobody knows since when it has been under way"
    if stream.ahead is not None and abs(stream.ahead) > SKEWED:
        return f"the broker's clock differs from ours by {abs(stream.ahead).total_seconds():.0f} s"
    return _lost_since(look, stream, req_number, began(stream, since))


def ahead(*, least: timedelta, most: timedelta) -> timedelta:
    """How far the broker's clock is ahead, which an answer tells within the time that it took.

    Nothing where that may be so; where the answer took too long, the least: earlier is on the safe side.
    """
    if most - least > MARGIN:
        return least
    return min(max(timedelta(0), least), most)


def began(stream: StreamState, since: datetime) -> datetime:
    """That time by the broker's clock, with a margin."""
    return since + (stream.ahead or timedelta(0)) - MARGIN


def _lost_since(look: StreamLook, stream: StreamState, req_number: str, moment: datetime) -> str:
    """The same for a moment of the broker's clock."""
    if stream.created > moment:
        return f"it began before stream {stream.name} was made (at {stream.created:%Y-%m-%d %H:%M:%S} UTC)"
    if not stream.last_seq or (stream.last_at is not None and stream.last_at < moment):
        return ""  # nothing has been stored since, so nothing of it can be gone
    if stream.first_at is None:
        return f"stream {stream.name} has lost all that it had"
    if stream.first_seq > 1 and stream.first_at > moment:
        return f"it began before the first message that stream {stream.name} still has"
    if stream.holes and (look.deleted is None or _hole_since(look, stream, req_number)):
        return f"messages were deleted from stream {stream.name} since it began"
    return ""


def _hole_since(look: StreamLook, stream: StreamState, req_number: str) -> bool:
    """Whether a message that nobody knows may have been stored since the request began.

    When it was stored is not known, only after which message that is still there: so those count too that are missing
    right before the first one that was stored since.
    """
    deleted = look.deleted or frozenset()
    resumes = look.resumes.get(req_number, stream.first_seq)
    while resumes - 1 in deleted:
        resumes -= 1
    return any(one >= resumes for one in deleted - look.pruned.keys())


def _not_kept(stage: Stage, subjects: Iterable[str], look: StreamLook) -> str:
    """Why this stream is the wrong place to look: another one keeps a subject, or none keeps the stage's own."""
    for subject in subjects:
        if subject in look.elsewhere:
            return f"{subject} is kept by stream {look.elsewhere[subject]}, not by {stage.stream}"
    own = next(iter(subjects_of(stage, "REQ-1")))
    if look.stream is not None and not covers(look.stream.subjects, own):
        return f"no stream keeps {stage.subject}"
    return ""


def _matches(pattern: list[str], subject: list[str]) -> bool:
    for place, word in enumerate(pattern):
        if word == ">":
            return len(subject) > place
        if place >= len(subject) or word not in {"*", subject[place]}:
            return False
    return len(pattern) == len(subject)

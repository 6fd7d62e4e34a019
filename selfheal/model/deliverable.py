"""What agents have delivered, as evidence about a workflow: present, absent, or nobody can tell."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Presence(StrEnum):
    """Whether a stage has delivered. Only the first two may move a workflow."""

    PRESENT = "PRESENT"
    ABSENT = "ABSENT"
    COULD_NOT_TELL = "COULD_NOT_TELL"


class Result(StrEnum):
    """What a deliverable says of its stage."""

    DONE = "DONE"  # COMPLETE, COMPLETED, DEPLOYED, PHASE_1_COMPLETE, APPROVED, plain Markdown, ...
    BLOCKED = "BLOCKED"
    FAILED = "FAILED"  # FAILED, ERROR
    REJECTED = "REJECTED"  # a critique's decision
    UNCLEAR = "UNCLEAR"  # a status that nobody knows, or a payload that cannot be read: a person looks


@dataclass(frozen=True, kw_only=True)
class Deliverable:
    """One message of an agent.

    Attributes:
        req_number: which request, by its subject.
        stage: the stage's index.
        subject: where it was published.
        sequence: its number in the stream.
        published_at: aware UTC time, the broker's.
        result: what it says.
        status: the word that it says it with; empty: none.
        summary: the first words, for a person; redacted, at most 500 characters.
        oddities: what was tolerated, in words: an id of another name, no JSON, ...
    """

    req_number: str
    stage: int
    subject: str
    sequence: int
    published_at: datetime
    result: Result
    status: str = ""
    summary: str = ""
    oddities: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Delivered:
    """A deliverable as the history keeps it.

    Attributes:
        deliverable: what it says.
        stream: which held it.
        stream_created: which life of the stream: made anew, it counts from 1 again.
        size: of its payload, in bytes.
    """

    deliverable: Deliverable
    stream: str
    stream_created: datetime
    size: int


@dataclass(frozen=True, kw_only=True)
class Projected:
    """What one run of the projection came to.

    Attributes:
        taken: messages that it took from the broker.
        left: whether there are more.
        could_not_tell: streams that could not be read, with the reason.
    """

    taken: int
    left: bool = False
    could_not_tell: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class StageEvidence:
    """What is known about one stage of one request.

    Attributes:
        stage: its index.
        presence: whether it has delivered.
        deliverable: the newest; None unless PRESENT.
        why: why nobody can tell, for a person; empty otherwise.
    """

    stage: int
    presence: Presence
    deliverable: Deliverable | None = None
    why: str = ""

    @property
    def done(self) -> bool:
        """Whether the stage is done."""
        return self.deliverable is not None and self.deliverable.result is Result.DONE


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What is known about all stages of one request.

    Attributes:
        req_number: the request.
        stages: one for each stage of the pipeline, by index.
        read_at: aware UTC time.
    """

    req_number: str
    stages: tuple[StageEvidence, ...]
    read_at: datetime

    @property
    def could_not_tell(self) -> str:
        """Why some stage cannot be told; empty: all can be."""
        return next((one.why for one in self.stages if one.presence is Presence.COULD_NOT_TELL), "")

    @property
    def done(self) -> frozenset[int]:
        """The indexes of the stages that are done."""
        return frozenset(one.stage for one in self.stages if one.done)

    @property
    def newest(self) -> datetime | None:
        """When something was delivered last; None: nothing is known to have been."""
        return max((one.deliverable.published_at for one in self.stages if one.deliverable), default=None)


@dataclass(frozen=True, kw_only=True)
class Orphans:
    """Deliverables whose request nobody knows.

    Attributes:
        scanned: deliverables that were looked at.
        by_request: how many there are of each unknown request.
        could_not_tell: streams that could not be read, with the reason: the figures leave them out.
    """

    scanned: int
    by_request: dict[str, int] = field(default_factory=dict)
    could_not_tell: dict[str, str] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """All of them."""
        return sum(self.by_request.values())


@dataclass(frozen=True, kw_only=True)
class Escalation:
    """The newest word of an agent on why a request is escalated.

    Attributes:
        req_number: the request.
        presence: whether there is one.
        text: what it says; redacted, at most 4,000 characters; empty unless PRESENT.
        published_at: when; None unless PRESENT.
        why: why nobody can tell; empty otherwise.
    """

    req_number: str
    presence: Presence
    text: str = ""
    published_at: datetime | None = None
    why: str = ""

"""What a JetStream stream says of itself, and a message that it holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True, kw_only=True)
class StreamState:
    """A stream, as its broker describes it.

    Attributes:
        name: the stream's.
        created: when this incarnation of it was made, by the broker's clock.
        subjects: what it keeps, with wildcards.
        first_seq: of the first message that it still has; one more than `last_seq` where it has none.
        first_at: when that was stored; None: it has none.
        last_seq: of the last message that was ever stored; 0: none was.
        last_at: when that was stored; None: not known.
        messages: how many it still has.
        peculiar: why nothing can be concluded from what it does not have; empty: something can.
        direct: whether each of its messages may be asked for directly, of the only server that has it.
        ahead: how far the broker's clock is ahead of ours; None: it did not say.
    """

    name: str
    created: datetime
    subjects: tuple[str, ...] = ()
    first_seq: int = 0
    first_at: datetime | None = None
    last_seq: int = 0
    last_at: datetime | None = None
    messages: int = 0
    peculiar: str = ""
    direct: bool = False
    ahead: timedelta | None = None

    @property
    def holes(self) -> int:
        """How many messages are missing between the first and the last one: deleted one by one, or by their subject."""
        return max(0, self.last_seq - self.first_seq + 1 - self.messages) if self.last_seq else 0


@dataclass(frozen=True, kw_only=True)
class StoredMessage:
    """A message in a stream.

    Attributes:
        stream: which holds it.
        subject: under which it was published.
        sequence: its number in the stream.
        stored_at: aware UTC time, the broker's.
        data: its payload.
        message_id: what its publisher calls it; empty: nothing.
    """

    stream: str
    subject: str
    sequence: int
    stored_at: datetime
    data: bytes = field(repr=False)
    message_id: str = ""


@dataclass(frozen=True, kw_only=True)
class StreamLook:
    """One look at a stream for the newest message of each of some subjects.

    Attributes:
        stream: as it was after its messages had been read: what it lost before is seen in it; None: it was not told.
        newest: by subject; one that has none is not in it.
        elsewhere: subjects that another stream keeps, with its name.
        deleted: the sequences of the stream's `holes`; None: they were not told.
        pruned: the subjects of messages that we deleted ourselves, by sequence.
        resumes: by request, the first sequence that is still there of those stored since it began; where none is,
            one more than the last one.
        why: why nothing of it can be told; empty: it can.
    """

    stream: StreamState | None = None
    newest: Mapping[str, StoredMessage] = field(default_factory=dict)
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    deleted: frozenset[int] | None = None
    pruned: Mapping[int, str] = field(default_factory=dict)
    resumes: Mapping[str, int] = field(default_factory=dict)
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class Orphan:
    """A message of a request that nobody knows.

    Attributes:
        req_number: the request, by its subject.
        stream_created: which life of its stream: made anew, that counts from 1 again.
        message: as it is stored; without its payload where only its place matters.
    """

    req_number: str
    stream_created: datetime
    message: StoredMessage

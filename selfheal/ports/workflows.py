"""What the domain asks of the estate's workflows: their request file, their deliverables, their state."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from selfheal.model.breaker import Permit
from selfheal.model.deliverable import Escalation, Evidence, Orphans
from selfheal.model.ending import Ending
from selfheal.model.pipeline import Stage
from selfheal.model.request import Reading, RequestStatus, StatusChange
from selfheal.model.start import Held, Places, Start
from selfheal.model.stream import Orphan
from selfheal.model.workflow import Workflow, WorkflowChange, WorkflowStatus


class RequestFile(Protocol):
    """The request file. Everybody may write it, also agents that know no lock."""

    def read(self) -> Reading:
        """What it says now; any bytes at all are read. `Transient`: it is not there or cannot be read, says why."""
        ...

    def write_status(self, req_number: str, *, before: str, after: RequestStatus, who: str, why: str) -> StatusChange:
        """Change the one status line of one entry; every other byte stays as it is.

        Raises:
            TargetChanged: the entry no longer says `before`, is gone, or stands there twice; nothing was written.
            NotAllowed: the file has shrunk by more than half since it was last read; nothing was written.
            Transient: it cannot be read or written; nothing was written.
        """
        ...


class Deliverables(Protocol):
    """The deliverables on JetStream. It never raises: what it could not tell, it says."""

    def evidence(self, requests: Mapping[str, datetime | None]) -> Mapping[str, Evidence]:
        """What is known of each request's stages, asked of the broker itself.

        `requests` says since when each request has been under way, by its id; None: nobody knows. A stage is absent
        only where its stream has kept everything since then.
        """
        ...

    def orphans(self, known: Collection[str]) -> Orphans:
        """Deliverables of requests that are not among these."""
        ...


class OrphanedDeliverables(Protocol):
    """The messages of requests that nobody knows.

    `Transient`, `Permanent`: it cannot be told or done; of what was begun, `there` tells what became of it.
    """

    def find(self, *, limit: int) -> Sequence[Orphan]:
        """At most so many, with their payloads; whole requests as far as they fit, always in the same order."""
        ...

    def delete(self, orphans: Sequence[Orphan]) -> None:
        """Delete exactly these; one that is gone is no error. `TargetChanged`: a stream was made anew."""
        ...

    def there(self, orphans: Sequence[Orphan]) -> Sequence[Orphan]:
        """Those of them that are still in their streams."""
        ...

    def publish(self, orphans: Sequence[Orphan]) -> None:
        """Publish them again: the way back. Each once, however often it is asked for within 2 minutes."""
        ...


class PrunedCopies(Protocol):
    """What was to be deleted, as it was."""

    def keep(self, orphans: Sequence[Orphan]) -> None:
        """Keep copies, in one transaction."""
        ...

    def open(self) -> Sequence[Orphan]:
        """Those that were not seen to be gone yet, without their payloads."""
        ...

    def gone(self, orphans: Sequence[Orphan]) -> None:
        """They were seen to be gone."""
        ...


class StageEvents(Protocol):
    """Tells the estate to work on a stage."""

    def publish(self, workflow: Workflow, *, message_id: UUID) -> None:
        """Publish the event that starts the workflow's current stage, unless the stream holds that message already.

        Returns once the stream has stored it. `Transient`: nobody can tell; ask again with the same id. `Permanent`:
        no stream covers the subject, or it does not let us publish.
        """
        ...


class Escalations(Protocol):
    """What agents say of why they escalate. It never raises: what it could not tell, it says."""

    def newest(self, req_number: str, *, since: datetime | None) -> Escalation:
        """The newest of this request; there is none only where the stream has kept everything since then."""
        ...


class WorkflowStore(Protocol):
    """`workflow_state` with its history. Every change is one transaction with its row of the history."""

    def create(self, workflow: Workflow, *, who: str, why: str, person: bool = False) -> bool:
        """Write a new one; False: there is one of this name, which stays as it is. `Permanent`: as `change`."""
        ...

    def get(self, req_number: str) -> Workflow | None:
        """One."""
        ...

    def all(self, *, status: WorkflowStatus | None = None) -> Sequence[Workflow]:
        """All of them, or those with this status, by name."""
        ...

    def change(  # noqa: PLR0913 - each is a part of the change
        self,
        req_number: str,
        *,
        version: int,
        status: WorkflowStatus,
        stage: int,
        file_status: str,
        who: str,
        why: str,
        deliverables: Mapping[str, Any] | None = None,
        person: bool = False,
    ) -> bool:
        """Move it, or say what is so already; False: its version is another, or there is none; nothing was written.

        `deliverables` are added to those that are recorded, by stage; nothing is ever taken out. `person`: it is a
        person's word, from which on recoveries count anew.

        `Permanent`: they are not as their JSON Schema has them, there is no such stage, or it is to be complete and
        the last stage is not recorded as done.
        """
        ...

    def describe(self, workflow: Workflow, *, title: str, priority: str, who: str, why: str) -> bool:
        """Give it the request file's title and priority; False: as `change`."""
        ...

    def hold(self, req_number: str, why: str, *, until: datetime | None, tell: bool = True) -> bool:
        """Note why it is not started, or not before then, which is no change of it; True: it is a new reason.

        Of a new reason people are told, if `tell`.
        """
        ...

    def history(self, req_number: str, *, limit: int) -> Sequence[WorkflowChange]:
        """Its changes, the newest first."""
        ...

    def recoveries(self, req_numbers: Collection[str]) -> Mapping[str, int]:
        """How often each was put back by itself, successfully, since a person last touched it; 0 where it never was."""
        ...

    def forget(self, *, older: timedelta) -> int:
        """Drop those that are complete for so long, with their history and starts; how many."""
        ...


class WorkflowStarts(Protocol):
    """The starts of workflows: `workflow_starts`, and the places that those hold which run."""

    def waiting(self) -> Sequence[Workflow]:
        """Those that are pending by state and by the file's word, and are not held for a while longer."""
        ...

    def going_on(self) -> Sequence[Workflow]:
        """Those that run by a start of ours which is over, and stand at a stage that nobody was told to work on."""
        ...

    def places(self) -> Places:
        """How many run now."""
        ...

    def claim(self, workflow: Workflow, stage: Stage, *, breaker: str, permit: Permit) -> Start | Held:
        """Write the intent, and make it running at that stage, in one transaction with the count of those that run.

        One that is running already, and goes on, holds its place. Nothing is claimed while healing is paused, or the
        workflows are in maintenance.
        """
        ...

    def open(self) -> Sequence[Start]:
        """Those that have not ended, the oldest first."""
        ...

    def published(self, start: Start) -> None:
        """Its event is in the stream."""
        ...

    def recorded(self, start: Start, *, file_status: str) -> None:
        """The request file says so too."""
        ...

    def failed(self, start: Start, why: str) -> None:
        """It could not be published, or recorded; it is tried again, and a person is told when that goes on."""
        ...

    def undo(self, start: Start, why: str, *, until: datetime) -> None:
        """It cannot be published: end it, let the workflow wait until then, and tell a person, in one transaction."""
        ...

    def end(self, start: Start, ending: Ending, why: str) -> bool:
        """It has ended so; False: it had ended already."""
        ...

    def untold(self) -> Sequence[Start]:
        """Those that have ended, and whose breakers do not know it yet."""
        ...

    def told(self, start: Start) -> None:
        """Its breaker knows how it ended."""
        ...

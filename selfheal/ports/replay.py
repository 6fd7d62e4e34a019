"""What a replay reads; all of it in order of time, in pieces, and nothing is written."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Protocol

from selfheal.model.observation import Health
from selfheal.model.recorded import FoundFault, Hold, LogCount, LookRow, Tried
from selfheal.model.replay import Foreseen


class RecordedHistory(Protocol):
    """The past, as far as it is kept."""

    def components(self, since: datetime, until: datetime) -> Sequence[str]:
        """Names of all that a watcher looked at."""
        ...

    def looks(  # noqa: PLR0913 - what matters of them
        self,
        component: str,
        since: datetime,
        until: datetime,
        *,
        after: int,
        gap_s: float,
        ends: Sequence[datetime] = (),
    ) -> Iterator[Sequence[LookRow]]:
        """The looks at a component that matter, a day after the other.

        Of healthy looks only those are given that follow within `after` of another kind of look, that end a gap of
        more than `gap_s`, the first after each of the `ends` (of attempts), and the first and last of a day: the others
        change nothing.
        """
        ...

    def health_at(self, component: str, at: datetime) -> Health | None:
        """What the newest look of the minute before said; None: nobody looked."""
        ...

    def log_counts(self, source: str, pattern: str, since: datetime, until: datetime) -> Iterator[LogCount]:
        """Lines of a pattern in a log, in order."""
        ...

    def tried(self, since: datetime, until: datetime) -> Sequence[Tried]:
        """The attempts that were under way in that time."""
        ...

    def triggers(self, since: datetime, until: datetime, *, kinds: Collection[str], component: str = "") -> int:
        """How many triggers of these types were answered; equal refusals count where the last of them came."""
        ...

    def foretold(self, since: datetime, until: datetime, *, kinds: Collection[str], component: str = "") -> Foreseen:
        """What the predictions of these rules that began in that time came to."""
        ...

    def faults(self, since: datetime, until: datetime) -> Sequence[FoundFault]:
        """The faults that were detected in that time."""
        ...

    def holds(self, since: datetime, until: datetime) -> Sequence[Hold]:
        """What kept heals back."""
        ...

"""What predictive-health asks of the database."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from selfheal.model.forecast import Kept, Name, Packed
from selfheal.model.prediction import Acted, Change, Facts, Prediction


class PredictionStore(Protocol):
    """Rollups, what the forecast remembers, and predictions."""

    def kept(self) -> Kept | None:
        """What the forecast remembered last; None: nothing."""
        ...

    def series(self, since: datetime) -> Sequence[Name]:
        """All that was measured from then on."""
        ...

    def read(self, names: Sequence[Name], *, since: datetime, until: datetime) -> Sequence[Packed]:
        """The rollups of these from `since` until before `until`; a series without any is left out."""
        ...

    def lows(
        self, names: Sequence[Name], *, since: datetime, until: datetime
    ) -> Mapping[Name, Mapping[int, tuple[float, float]]]:
        """The lowest and highest value of each of these by the number of their bucket; NaN of no value."""
        ...

    def errors(self, until: datetime, *, hours: int) -> Mapping[str, Sequence[int]]:
        """Errors in the logs of each component, by hours until then, the newest first."""
        ...

    def acted(self, since: datetime) -> Sequence[Acted]:
        """What was done to components since then, the oldest first."""
        ...

    def open(self) -> Sequence[Prediction]:
        """Predictions that have not ended, or of which it is not known what became of them."""
        ...

    def facts(self, targets: Mapping[str, str]) -> Mapping[UUID, Facts]:
        """What came so far of those of which it is not known.

        Args:
            targets: the physical things of their components, by name.
        """
        ...

    def commit(self, change: Change) -> bool:
        """Write all of it, or nothing; False: another run was faster, and nothing is written."""
        ...

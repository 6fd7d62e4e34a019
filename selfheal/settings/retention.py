"""How long what was measured, refused and told is kept."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from selfheal.model.retention import Keep
from selfheal.settings.values import Section


class RetentionSettings(Section):
    """How long what was measured, refused and told is kept, in days.

    Workflows have `workflows.keep_complete`, alerts `alerts.keep`, Prefect's own runs `prefect.keep`.
    """

    raw_days: Annotated[int, Field(ge=8, le=398)] = 30
    """Every measured value; forgotten by whole days of UTC."""
    rollup_days: Annotated[int, Field(ge=31, le=3660)] = 400
    """What the values of 5 minutes come to; forgotten by whole months of UTC."""
    run_days: Annotated[int, Field(ge=1, le=3660)] = 14
    """Which process carried out which of our flow runs; of each mechanism the newest stays."""
    record_days: Annotated[int, Field(ge=90, le=3660)] = 400
    """Refusals, the history of what people were told, what breakers raised, errors of logs that were not seen again;
    attempts, faults, answers and what persons did stay for ever."""

    def keep(self) -> Keep:
        """The same for the domain."""
        return Keep(
            raw=timedelta(days=self.raw_days),
            rollups=timedelta(days=self.rollup_days),
            runs=timedelta(days=self.run_days),
            records=timedelta(days=self.record_days),
        )

"""What is forgotten, and what of it has been."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, kw_only=True)
class Keep:
    """How long things are kept.

    Attributes:
        raw: every measured value.
        rollups: what five minutes of them come to.
        runs: which process carried out a flow run.
        records: what is no evidence of what was done: refusals, what people were told, errors of logs.
    """

    raw: timedelta
    rollups: timedelta
    runs: timedelta
    records: timedelta = timedelta(days=400)


@dataclass(frozen=True, kw_only=True)
class OldPartition:
    """A day of values, or a month of rollups, that is to be forgotten as a whole.

    Attributes:
        name: of the table.
        until: everything in it is older.
        size_bytes: with its index.
    """

    name: str
    until: datetime
    size_bytes: int

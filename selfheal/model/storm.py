"""A storm: so much is sick at once that restarting it piece by piece would do more harm than good."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Storm:
    """One storm that has not ended.

    Attributes:
        group: of components; empty: the whole estate.
        began_at: when the last component that it took became sick.
        quiet_at: then it ends, unless there is a new fault before.
        sick: how many there were at least.
        go_by: who let heals begin again; empty: nobody has.
        go_why: their reason.
    """

    group: str
    began_at: datetime
    quiet_at: datetime
    sick: int
    go_by: str = ""
    go_why: str = ""

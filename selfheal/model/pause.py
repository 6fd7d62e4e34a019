"""The kill switch: while a pause is in force no heal is admitted; those under way finish."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Pause:
    """Who stopped healing, and why.

    Attributes:
        who: the person, or "restore".
        why: their reason.
        since: from when on.
        until: it ends by itself; None: a person resumes.
    """

    who: str
    why: str
    since: datetime
    until: datetime | None

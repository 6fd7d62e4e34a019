"""What is asked of a replay."""

from dataclasses import dataclass
from datetime import datetime

from selfheal.model.replay import Rule
from selfheal.settings.estate import Settings


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked.

    Attributes:
        since: from then
        until: to then.
        was: the settings as they are.
        would: as they would be.
        changes: by path, as they are and as they would be.
        component: only of this one; empty: of all.
        rules: only these.
    """

    since: datetime
    until: datetime
    was: Settings
    would: Settings
    changes: tuple[tuple[str, str, str], ...] = ()
    component: str = ""
    rules: frozenset[Rule] = frozenset(Rule)

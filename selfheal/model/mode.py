"""How far an action may go by itself, and what became of that."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ActionMode(StrEnum):
    """From the strictest on: each may do what those before it may."""

    OBSERVE = "observe"
    SHADOW = "shadow"
    APPROVE = "approve"
    AUTO = "auto"

    @property
    def rank(self) -> int:
        """The higher, the further it may go."""
        return list(ActionMode).index(self)


class Change(StrEnum):
    """What happens to a mode: a person sets it, results demote it, or only speak for more."""

    SET = "SET"
    DEMOTED = "DEMOTED"
    PROPOSED = "PROPOSED"


@dataclass(frozen=True, kw_only=True)
class Standards:
    """When an action is found worthy of more, or of less.

    Attributes:
        lower_bound: promotion is proposed when Wilson's 95 % lower bound of its success rate is above this.
        fewest: neither is done on fewer results; a demotion looks at so many, the newest.
        demote_below: it is demoted when the success rate of these is below this.
    """

    lower_bound: float = 0.8
    fewest: int = 10
    demote_below: float = 0.5


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step up that is proposed, or one down that is done.

    Attributes:
        change: PROPOSED or DEMOTED.
        mode: where to.
        why: the figures, for a person.
    """

    change: Change
    mode: ActionMode
    why: str


@dataclass(frozen=True, kw_only=True)
class WrittenMode:
    """A mode that a person or a demotion has written; the stricter of this and the settings is in force.

    Attributes:
        action: whose.
        mode: how far it may go at most.
        since: when it was written.
        who: a person, or "selfheal".
        why: their reason.
    """

    action: str
    mode: ActionMode
    since: datetime
    who: str
    why: str


@dataclass(frozen=True, kw_only=True)
class ModeChange:
    """One line of what became of the modes.

    Attributes:
        action: whose.
        change: what happened.
        before: the mode until then.
        after: the mode since then, or the proposed one.
        who: a person, or "selfheal".
        why: their reason.
        at: when.
    """

    action: str
    change: Change
    before: str
    after: str
    who: str
    why: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Shadowed:
    """What a mode without acts has shown so far.

    Attributes:
        action: whose plans.
        needed: faults that outlasted the time in which the heal would have been verified.
        unneeded: faults that recovered by themselves within it.
        open: not to be told yet.
    """

    action: str
    needed: int
    unneeded: int
    open: int

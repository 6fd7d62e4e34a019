"""What the admission of replays knows: what is sick or foretold, the heals that began, and storms.

They are not frozen: they go on while a replay does.
"""

from dataclasses import dataclass
from datetime import datetime

from selfheal.model.admission import Place
from selfheal.model.breaker import Permit


@dataclass(kw_only=True)
class Fault:
    """What is sick, from its first trigger on.

    Attributes:
        component: whose.
        place: where it stands.
        since: sick since.
        closed: it is over.
        person: it waits for one.
        foretold: nothing is sick: it is of a prediction, and of no storm.
    """

    component: str
    place: Place
    since: datetime
    closed: bool = False
    person: bool = False
    foretold: bool = False


@dataclass(kw_only=True)
class Heal:
    """A heal that began.

    Attributes:
        fault: of what.
        action: by what.
        began_at: when.
        ended_at: None: it is under way.
        healed: verified.
        acted: whether it did anything, and came to its end by itself.
        unknown: nobody could tell what came of it.
        permit: of the action's breaker.
    """

    fault: Fault
    action: str
    began_at: datetime
    ended_at: datetime | None = None
    healed: bool = False
    acted: bool = True
    unknown: bool = False
    permit: Permit | None = None


@dataclass(kw_only=True)
class Storm:
    """Too much is sick at once.

    Attributes:
        group: of which; empty: the estate.
        quiet_at: it ends then, unless something new is sick before.
    """

    group: str
    quiet_at: datetime

"""How long a channel that does not take a message is tried."""

from dataclasses import dataclass
from datetime import timedelta

from selfheal.model.delivery import Claimed

_FIRST = timedelta(seconds=30)
_LONGEST = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long a channel is tried.

    Attributes:
        refusals: tries of what the channel refuses, which trying again hardly mends.
        give_up: nothing is tried for longer than this.
    """

    refusals: int = 5
    give_up: timedelta = timedelta(days=3)


def pause_after(claimed: Claimed, patience: Patience, *, refused: bool) -> timedelta | None:
    """Until the next try: 30 s, doubled with each try, an hour at most; None: it is given up."""
    if claimed.age >= patience.give_up or (refused and claimed.tries >= patience.refusals):
        return None
    doubled: timedelta = _FIRST * 2 ** min(claimed.tries - 1, 10)
    return min(doubled, _LONGEST)

"""What came of the heals: figures that read many rows, kept for a moment for all who see the same.

They are read anew as soon as a heal begins or ends; the moment is for what only time changes.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID
from weakref import WeakKeyDictionary

from sqlalchemy import Engine

from console.web.services import Services
from selfheal.model.identity import Identity
from selfheal.model.rate import DayOfHeals, Rates, SuccessRate
from selfheal.model.report import HistoryLine
from selfheal.policy.identity import sees_all

FRESH_S = 15.0
DAYS = 14
DAY = timedelta(hours=24)
_View = tuple[str, bool]
"""What two persons who see the same have in common: their tenant, and whether they see all."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of the heals.

    Attributes:
        day: of the last 24 hours; None: nothing was finished.
        by_action: of everything that ever finished.
        by_day: of the last days.
    """

    day: Rates | None
    by_action: Sequence[SuccessRate]
    by_day: Sequence[DayOfHeals]


@dataclass(frozen=True, kw_only=True)
class _Kept:
    """An outcome, what it was read after, and until when it is good."""

    outcome: Outcome
    heals: tuple[tuple[UUID, str], ...]
    until: float


class Figures:
    """Those that were read lately, of each database.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: WeakKeyDictionary[Engine, dict[_View, _Kept]] = WeakKeyDictionary()

    def of(self, services: Services, identity: Identity, recent: Sequence[HistoryLine]) -> Outcome:
        """What this person sees; to be called within `seen_by`. Who comes while they are read waits for them.

        Args:
            services: of the request.
            identity: whose view it is.
            recent: the newest attempts; when one of them has changed, the figures have.
        """
        view = (str(identity.tenant), sees_all(identity))
        heals = tuple((line.attempt_id, line.status) for line in recent)
        with self._lock:
            of_engine = self._kept.setdefault(services.engine, {})
            kept = of_engine.get(view)
            if kept is None or kept.heals != heals or kept.until <= self._clock():
                kept = _Kept(outcome=_read(services), heals=heals, until=self._clock() + FRESH_S)
                of_engine[view] = kept
        return kept.outcome


def _read(services: Services) -> Outcome:
    rates = services.estate.rates
    of_day = rates.rates(within=DAY)
    return Outcome(
        day=next((one for one in of_day if one.action_type is None and one.component is None), None),
        by_action=rates.by_action(),
        by_day=rates.by_day(days=DAYS),
    )

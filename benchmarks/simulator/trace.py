"""One made-up series: its values, its limit, and whether and when it breaks it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
BUCKET_S = 300
DAY = 288
"""Buckets of 5 minutes in a day."""
WEEK = 7 * DAY
START_S = 1_767_571_200
"""Monday, 5 January 2026, UTC: every trace begins there."""


@dataclass(frozen=True, kw_only=True)
class Trace:
    """A series as a probe would have measured it.

    Attributes:
        name: family and number.
        measured_s: when each value was measured, in seconds since the epoch.
        told_s: the same as the machine's own clock told it, which may have been set meanwhile.
        values: in the unit of the limit; NaN where the probe had no answer.
        limit: a value at or above it is a breach.
    """

    name: str
    measured_s: Array
    told_s: Array
    values: Array
    limit: float

    @property
    def family(self) -> str:
        """The kind it is of."""
        return self.name.rsplit("-", 1)[0]

    @property
    def breach_s(self) -> float | None:
        """When the limit was reached first; None for a healthy trace."""
        reached = np.flatnonzero(self.values >= self.limit)
        return float(self.measured_s[reached[0]]) if reached.size else None


Family = Callable[[np.random.Generator, bool], Array]
"""Draws a week in shares of the limit; the flag says whether it is to break it."""


def drawn(family: str, shape: Family, *, number: int, seed: int) -> Trace:
    """One trace: its label, its unit and everything else from the seed; cut an hour after its first breach."""
    rng = np.random.default_rng([seed, number, *family.encode()])
    failing = bool(rng.random() < 0.5)  # noqa: PLR2004  as often as not
    share = shape(rng, failing)
    limit = float(np.exp(rng.uniform(np.log(1), np.log(5000))))
    share = _failing(share) if failing else _healthy(rng, share)
    times = START_S + BUCKET_S * np.arange(share.size, dtype=np.float64)
    values = np.maximum(share, 0.0) * limit
    return Trace(name=f"{family}-{number:03d}", measured_s=times, told_s=times, values=values, limit=limit)


def _failing(share: Array) -> Array:
    """Until an hour after the first breach: then somebody has repaired it, which is another story."""
    over = np.flatnonzero(share >= 1.0)
    return share[: over[0] + 12] if over.size else share


def _healthy(rng: np.random.Generator, share: Array) -> Array:
    """Its highest value is drawn, from 0.7 to 0.995 of the limit: it tells as little as that of a failing one."""
    highest = float(np.nanmax(share))
    return share * (rng.uniform(0.7, 0.995) / highest) if highest > 0 else share

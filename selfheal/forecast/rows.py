"""What all of the forecast's arithmetic shares: a row is one moment over all series, a table is rows over time."""

import numpy as np
import numpy.typing as npt

Row = npt.NDArray[np.float64]
"""One figure per series; NaN where there is none."""
Table = npt.NDArray[np.float64]
"""Time by series: the newest row is the last."""
Flags = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]

BUCKET_S = 300
HOUR = 12
"""Buckets in an hour."""
DAY = 24 * HOUR
WEEK = 7 * DAY


def bucket_of(seconds: float) -> int:
    """The number of the 5 minutes of UTC that a moment lies in."""
    return int(seconds // BUCKET_S)

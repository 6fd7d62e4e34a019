"""The 80 % interval of the time to a breach: how far the forecasts were off that raised an alarm in the simulator.

Two quantile regressions of the logarithm of (true time / foretold time), 8.5 % and 91.5 %, on 444 alarms of the
simulator's own families (seeds 1 to 4, 26 traces each). A little wider than 10 % and 90 %, because new kinds of
series are further off; what speeds up comes before a straight line says, hence the near side.
"""

import numpy as np

from selfheal.forecast.rows import Flags, Row

_LOW = (-0.243, -0.360, 0.080, 0.228)
_HIGH = (0.501, 0.838, -0.194, 0.166)
"""Constant, spread of the votes, with a shape of the day, by peaks."""


def interval(reach: Row, *, spread: Row, shaped: Flags, by_peaks: Flags) -> tuple[Row, Row]:
    """From and to, in buckets.

    Args:
        reach: buckets until the breach; NaN where none is foretold.
        spread: logarithm of the farthest vote over the nearest.
        shaped: the shape of the day was taken out.
        by_peaks: the time comes from a line through peaks.
    """
    told = np.stack((np.ones_like(reach), np.where(by_peaks, 0.0, spread), shaped & ~by_peaks, by_peaks))
    nearer, farther = np.array(_LOW) @ told, np.array(_HIGH) @ told
    one_more = reach + 1.0  # a breach that is due now comes within a bucket
    low = np.maximum(one_more * np.exp(np.minimum(nearer, farther)) - 1.0, 0.0)
    high: Row = one_more * np.exp(np.maximum(nearer, farther)) - 1.0
    return low, np.maximum(high, low)

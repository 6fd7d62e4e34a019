"""What alarms are worth: hits, false alarms and leads, as docs/forecast.md defines them.

An alarm is a hit for the first breach if that follows it by 10 minutes to 6 hours. It is false if no breach follows it
within 6 hours; one that was raised in the last 6 hours of a trace without a breach cannot be judged, and is neither.
The lead is that of the first hit. Times are those of the measurement, whatever the clock of the series said.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from benchmarks.forecast_alarms import Alarm
from benchmarks.simulator.trace import Trace

LEAST_S, MOST_S = 600.0, 6 * 3600.0
_WEEK_S = 7 * 86_400.0


@dataclass(frozen=True, kw_only=True)
class Worth:
    """What alarms were worth on some traces.

    Attributes:
        breaches: how many there were.
        false: alarms that no breach followed.
        weeks: component-weeks that were looked at.
        leads_s: of each hit.
        inside: of each hit with an interval, whether the breach came inside.
    """

    breaches: int
    false: int
    weeks: float
    leads_s: tuple[float, ...]
    inside: tuple[bool, ...]

    @property
    def recall(self) -> float:
        """Share of the breaches that were foretold."""
        return len(self.leads_s) / self.breaches if self.breaches else 0.0

    @property
    def false_a_week(self) -> float:
        """False alarms per component-week."""
        return self.false / self.weeks if self.weeks else 0.0

    @property
    def lead_min(self) -> float:
        """The median of the leads, in minutes; 0 without any."""
        return median(self.leads_s) / 60 if self.leads_s else 0.0

    @property
    def coverage(self) -> float:
        """Share of the intervals that held."""
        return sum(self.inside) / len(self.inside) if self.inside else 0.0


def worth(traces: Sequence[Trace], alarms: Sequence[Sequence[Alarm]]) -> Worth:
    """Judge the alarms of each trace, and count."""
    found = [_of_one(trace, told) for trace, told in zip(traces, alarms, strict=True)]
    return Worth(
        breaches=sum(one.breaches for one in found),
        false=sum(one.false for one in found),
        weeks=sum(one.weeks for one in found),
        leads_s=tuple(lead for one in found for lead in one.leads_s),
        inside=tuple(held for one in found for held in one.inside),
    )


def _of_one(trace: Trace, alarms: Sequence[Alarm]) -> Worth:
    breach, ends = trace.breach_s, float(trace.measured_s[-1])
    raised = [(float(trace.measured_s[one.place]), one) for one in alarms]
    weeks = (ends - float(trace.measured_s[0])) / _WEEK_S
    if breach is None:
        false = sum(at <= ends - MOST_S for at, _ in raised)
        return Worth(breaches=0, false=false, weeks=weeks, leads_s=(), inside=())
    hit = next(((breach - at, one) for at, one in raised if LEAST_S <= breach - at <= MOST_S), None)
    return Worth(
        breaches=1,
        false=sum(breach - at > MOST_S for at, _ in raised),
        weeks=weeks,
        leads_s=(hit[0],) if hit else (),
        inside=(hit[1].low_s <= hit[0] <= hit[1].high_s,) if hit and np.isfinite(hit[1].low_s) else (),
    )

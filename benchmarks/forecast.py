"""How well breaches are foretold: made-up traces, beside `predict_linear` and a week's regression in the same run."""

import sys
from collections.abc import Callable, Mapping, Sequence

from benchmarks.case import Case
from benchmarks.forecast_alarms import alarms_of
from benchmarks.forecast_rivals import WINDOWS, all_rivals
from benchmarks.forecast_worth import Worth, worth
from benchmarks.simulator.trace import Trace
from benchmarks.simulator.traces import seen, unseen
from selfheal.forecast.buckets import in_buckets

EACH, EACH_QUICK = 30, 4
"""Traces of each of the 14 families."""
SEED = 20_260_105
"""Not one of the seeds that constants were chosen with."""
OURS = "ours"
_NO_INTERVAL = "nothing: a straight line has no interval of the time to a breach"
_FIGURES: Mapping[str, tuple[str, Callable[[Worth], float]]] = {
    "recall": ("share", lambda found: found.recall),
    "false-alarms": ("per component-week", lambda found: found.false_a_week),
    "lead-p50": ("min", lambda found: found.lead_min),
}


def forecast(*, quick: bool) -> list[Case]:
    """All cases; every side judges the same traces."""
    each = EACH_QUICK if quick else EACH
    known, new = seen(each, seed=SEED), unseen(each, seed=SEED)
    found, found_new = _sides(known), _sides(new)
    coverage = found[OURS].coverage
    return [
        *_beside("", found, _FIGURES),
        *_beside("unseen-", found_new, _FIGURES),
        Case(name="interval-coverage", unit="share", ours=(coverage,), what_other=_NO_INTERVAL),
        Case(name="unseen-interval-coverage", unit="share", ours=(found_new[OURS].coverage,), what_other=_NO_INTERVAL),
    ]


def _sides(traces: Sequence[Trace]) -> dict[str, Worth]:
    """What each side's alarms are worth; ours also per family on stderr."""
    series = [in_buckets(trace.told_s, trace.values) for trace in traces]
    limits = [trace.limit for trace in traces]
    ours = alarms_of(series, limits)
    for family in dict.fromkeys(trace.family for trace in traces):
        places = [place for place, trace in enumerate(traces) if trace.family == family]
        _tell(family, worth([traces[place] for place in places], [ours[place] for place in places]))
    found = {name: worth(traces, alarms) for name, alarms in all_rivals(series, limits).items()}
    return {OURS: worth(traces, ours), **found}


def _beside(
    prefix: str, found: Mapping[str, Worth], figures: Mapping[str, tuple[str, Callable[[Worth], float]]]
) -> list[Case]:
    """Each figure beside the first rival under the name of DESIGN, and beside the others under a longer one."""
    cases = []
    for place, rival in enumerate(WINDOWS):
        for name, (unit, figure) in figures.items():
            cases.append(
                Case(
                    name=f"{prefix}{name}" if place == 0 else f"{prefix}{name}-{rival}",
                    unit=unit,
                    ours=(figure(found[OURS]),),
                    other=(figure(found[rival]),),
                    what_other=f"{rival}, two hours ahead, on the same traces",
                )
            )
    return cases


def _tell(family: str, found: Worth) -> None:
    sys.stderr.write(
        f"{family}: {len(found.leads_s)} of {found.breaches} breaches foretold, {found.false} false alarms in"
        f" {found.weeks:.1f} weeks, lead {found.lead_min:.0f} min, intervals held {found.coverage:.2f}\n"
    )

"""From a fault to the service's next answer: what people wait for. One module per kind of target."""

from benchmarks.case import Case
from benchmarks.containers import container_cases
from benchmarks.processes import process_cases


def reaction(*, quick: bool) -> list[Case]:
    """All cases, kind by kind."""
    return [*container_cases(quick=quick), *process_cases(quick=quick)]

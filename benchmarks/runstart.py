"""How soon a flow run begins, and what it costs: ours, forked, beside Prefect's process worker, in one run.

All workers poll the same server at the same interval, and idle while another is asked; ours is also told of runs by
the server, which is its own doing. The other side is the stock worker as `prefect worker start` runs it, with two
interpreters per run; `-one-interpreter` is its hardest form, the one that `selfheal up` used before: a configured
command spares it the first of the two.
"""

import contextlib
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import psutil

from benchmarks.case import Case
from benchmarks.database import scratch
from benchmarks.idle import used
from benchmarks.rounds import until
from benchmarks.workers import FLOWS, LIMIT, UnderWorker, prefect_server, under_worker
from selfheal.model.errors import Permanent

PLAIN, OWN = "runstart_flows", "runstart_own"
_OWN = "import flows.application_health\n"
"""What a flow of ours imports: the domain, its clients, docker, nats, psycopg."""
OURS, STOCK, ONE = "prefork", "stock", "one-interpreter"
_EMBEDDED = ("-m", "deployments.embedded.process_worker")
_STOCK = "Prefect's process worker, the same server and polls, the same run"
_ONE = "Prefect's process worker with a configured command, as `selfheal up` used it: one interpreter per run"
_NO_OTHER = "none: only ours has a zygote"
_RUNS, _QUICK_RUNS = 200, 10
_KILLED_S = 120.0


def runstart(*, quick: bool) -> list[Case]:
    """All cases."""
    rounds, kills, runs = (1, 1, _QUICK_RUNS) if quick else (9, 5, _RUNS)
    with scratch() as folder, prefect_server(folder / "data") as api_url, _workers(folder, api_url) as workers:
        cases = [case for flows in (PLAIN, OWN) for case in _begin_cases(workers, flows, rounds)]
        killed = {name: tuple(_crashed(workers[name]) for _ in range(kills)) for name in (OURS, STOCK)}
        growth = _growth(workers[OURS], runs)
    return [
        *cases,
        Case(name="crashed-after-kill", unit="s", ours=killed[OURS], other=killed[STOCK], what_other=_STOCK),
        Case(name=f"zygote-growth-{runs}-runs", unit="% (PSS)", ours=(growth,), what_other=_NO_OTHER),
    ]


@contextlib.contextmanager
def _workers(folder: Path, api_url: str) -> Iterator[Mapping[str, UnderWorker]]:
    """Three of them, by side."""
    (folder / "flows").mkdir()
    (folder / "flows" / f"{PLAIN}.py").write_text(FLOWS)
    (folder / "flows" / f"{OWN}.py").write_text(_OWN + FLOWS)
    begin = partial(under_worker, api_url=api_url, folder=folder)
    with (
        begin("process", STOCK) as stock,
        begin("process", ONE, launch=_EMBEDDED) as one,
        begin("prefork", OURS) as ours,
    ):
        yield {OURS: ours, STOCK: stock, ONE: one}


def _begin_cases(workers: Mapping[str, UnderWorker], flows: str, rounds: int) -> list[Case]:
    """`latency`, of which the part after the worker's look, and `cpu`, each against both forms of the stock worker."""
    entrypoint = f"{flows}.begins"
    for one in workers.values():
        one.begin(entrypoint).ended()  # not counted: the zygote imports the module when it has seen it
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in workers}
    for number in range(rounds):
        for name in list(workers) if number % 2 == 0 else list(workers)[::-1]:
            found[name].append(_one_run(workers[name], entrypoint))
        told = "; ".join("{} {:.2f} s ({:.2f}), {:.2f} CPU-s".format(name, *found[name][-1]) for name in workers)
        sys.stderr.write(f"{flows}: round {number + 1} of {rounds}: {told}\n")
    suffix = "" if flows == PLAIN else "-own-flow"
    cases = []
    for place, (case, unit) in enumerate((("latency", "s"), ("latency-once-taken", "s"), ("cpu", "CPU-s"))):
        figures = {name: tuple(one[place] for one in found[name]) for name in found}
        for other, what, beside in ((STOCK, _STOCK, ""), (ONE, _ONE, "-one-interpreter")):
            name = f"{case}{suffix}{beside}"
            cases.append(Case(name=name, unit=unit, ours=figures[OURS], other=figures[other], what_other=what))
    return cases


def _one_run(under: UnderWorker, entrypoint: str) -> tuple[float, float, float]:
    """Seconds until the first line of a flow, and since it was taken; processor time of worker and run to the end."""
    before = used(under.pid).cpu_s
    begun = under.begin(entrypoint)
    began = float(begun.told()["began"])
    begun.ended()
    return began - begun.asked_at, began - begun.taken_at(), used(under.pid).cpu_s - before


def _crashed(under: UnderWorker) -> float:
    """Seconds from the kill -9 of a run's process until the server knows that it has crashed."""
    begun = under.begin(f"{PLAIN}.naps")
    process = psutil.Process(int(begun.told()["pid"]))
    until(lambda: begun.state() == "RUNNING", what="the server knows that the run runs")
    process.send_signal(signal.SIGKILL)
    killed_at = time.monotonic()
    until(lambda: begun.state() == "CRASHED", what="a killed run has crashed", seconds=_KILLED_S)
    took = time.monotonic() - killed_at
    sys.stderr.write(f"crashed-after-kill: {under.kind} {took:.2f} s\n")
    return took


def _growth(under: UnderWorker, runs: int) -> float:
    """Percent by which the zygote's memory grows over so many runs, while none of them lives.

    PSS and not RSS: what the zygote alone holds is what may leak. Pages that it shares with the worker's libraries come
    and go with others. No run lives at either look, so that nothing is divided. The worker's own is told beside it.
    """
    zygote, worker = under.zygote(), psutil.Process(under.pid)
    before = zygote.memory_full_info().pss
    for first in range(0, runs, LIMIT):
        for begun in [under.begin(f"{PLAIN}.begins") for _ in range(min(LIMIT, runs - first))]:
            begun.ended()
        held = "zygote {:.1f} MB, worker {:.1f} MB".format(
            *(one.memory_full_info().pss / 2**20 for one in (zygote, worker))
        )
        sys.stderr.write(f"zygote-growth: {min(first + LIMIT, runs)} runs, {held}\n")
    if under.zygote() != zygote:
        raise Permanent("the zygote was replaced meanwhile: nothing was measured")
    return (zygote.memory_full_info().pss / before - 1) * 100

"""What it costs to be there: `selfheal up` over the demo estate for ten minutes in which nothing happens, part by part.

Beside it, in the same minutes, run a bare Prefect server and an idle process worker of its own; and, unless one worker
is asked for, a second stack whose flow runs are started by Prefect's process worker, as it was before. A part's time on
the processor is that of its process and of all below it, flow runs that have ended among them; its memory is what would
be free without it (PSS: shared pages are divided among those who share them). The demo's own programs are not counted.
"""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import psutil

from benchmarks.case import Case
from benchmarks.database import scratch
from benchmarks.rounds import until
from benchmarks.supervised import running_estate
from deployments import stackfile
from deployments.demo.estate import Estate
from deployments.embedded import child
from deployments.embedded.files import write_private
from deployments.embedded.prefect_server import CLIENT_ENVIRONMENT, SERVER_ENVIRONMENT
from deployments.part import State
from selfheal.model.errors import Permanent

FULL, QUICK = (10, 60.0), (2, 10.0)
"""Rounds, and seconds of each."""
_SETTLED_S = 60.0
"""After the last part is ready: a start is no idling."""
_READY_S = 600.0
"""Wide: two stacks and a server start on what is left of the machine."""
_SETTINGS = """
estate = "idle"

[healing]
allow = [{allow}]

[prefect]
port = 0
worker = "{worker}"

[web]
port = 0

"""
PREFORK, PROCESS, BOTH = "prefork", "process", "both"
_POOL = "idle"
_ALONE = frozenset({"supervisor"})
"""The parts below it stand for themselves."""
_BARE = "a bare Prefect server (SQLite) and an idle process worker, the same minutes"
_BEFORE = "the same stack with Prefect's process worker, over a second estate, the same minutes"
_PART = "none: a part of its side"

Round = Mapping[str, tuple[float, float]]
"""Percent of one core, and MB, of each part of a side within one round."""


@dataclass(frozen=True, kw_only=True)
class Used:
    """What a part has used.

    Attributes:
        cpu_s: processor time until now, of its ended children too.
        memory_mb: now.
    """

    cpu_s: float
    memory_mb: float


def idle(*, quick: bool, worker: str = BOTH) -> list[Case]:
    """All cases: the sides as a whole, and each part of ours.

    Args:
        quick: few and short rounds.
        worker: of our stack; `both`: one stack with each.
    """
    rounds, seconds = QUICK if quick else FULL
    kinds = (PREFORK, PROCESS) if worker == BOTH else (worker,)
    with scratch() as folder, contextlib.ExitStack() as ends:
        bare = ends.enter_context(_bare(folder / "bare"))
        stacks = {}
        for kind in kinds:
            estate = ends.enter_context(running_estate(folder / f"{kind}-estate", autorestart=False))
            stacks[kind] = ends.enter_context(_ours(folder / kind, estate, kind))
        _wait(_SETTLED_S if not quick else 1.0)
        figures = [_round(bare, stacks, seconds) for _ in range(rounds)]
    return _cases(figures, kinds)


def _round(bare: Mapping[str, int], stacks: Mapping[str, Path], seconds: float) -> Mapping[str, Round]:
    """One round of all sides."""
    roots = {"bare": bare} | {kind: _parts(data) for kind, data in stacks.items()}
    before, begun = {side: _used(pids) for side, pids in roots.items()}, time.monotonic()
    _wait(seconds)
    after, took = {side: _used(pids) for side, pids in roots.items()}, time.monotonic() - begun
    return {
        side: {
            name: ((after[side][name].cpu_s - before[side][name].cpu_s) / took * 100, after[side][name].memory_mb)
            for name in pids
        }
        for side, pids in roots.items()
    }


def _used(roots: Mapping[str, int]) -> Mapping[str, Used]:
    return {name: used(pid, alone=name in _ALONE) for name, pid in roots.items()}


def used(pid: int, *, alone: bool = False) -> Used:
    """What a process and, unless it stands alone, all below it have used.

    Raises:
        Permanent: it has ended.
    """
    try:
        root = psutil.Process(pid)
        below = [] if alone else root.children(recursive=True)
    except psutil.NoSuchProcess as error:
        raise Permanent(f"process {pid} has ended: nothing was idle here") from error
    cpu_s = memory = 0.0
    for one in (root, *below):
        with contextlib.suppress(psutil.NoSuchProcess):  # a flow run that has just ended: its parent has its time
            times = one.cpu_times()
            cpu_s += times.user + times.system + (0.0 if alone else times.children_user + times.children_system)
            memory += one.memory_full_info().pss
    return Used(cpu_s=cpu_s, memory_mb=memory / 2**20)


def _cases(figures: Sequence[Mapping[str, Round]], kinds: Sequence[str]) -> list[Case]:
    """The sums beside the bare server, then beside the stack as it was before, then the parts."""
    first = kinds[0]
    cases = []
    for place, (name, unit) in enumerate((("cpu-core-percent", "% of a core"), ("memory-mb", "MB"))):
        sums = {side: tuple(sum(part[place] for part in one[side].values()) for one in figures) for side in figures[0]}
        make = partial(Case, unit=unit)
        cases.append(make(name=name, ours=sums[first], other=sums["bare"], what_other=_BARE))
        if len(kinds) > 1:
            cases.append(make(name=f"{name}-before", ours=sums[first], other=sums[PROCESS], what_other=_BEFORE))
        for part in sorted({part for one in figures for part in one[first]}):
            ours, before = (_of_part(figures, kind, part, place) for kind in (first, kinds[-1]))
            other = before if len(kinds) > 1 else ()
            cases.append(make(name=f"{name} of {part}", ours=ours, other=other, what_other=_BEFORE if other else _PART))
        for part in sorted(figures[0]["bare"]):
            bare = _of_part(figures, "bare", part, place)
            cases.append(make(name=f"{name} of the bare {part}", ours=bare, what_other=_PART))
    return cases


def _of_part(figures: Sequence[Mapping[str, Round]], side: str, part: str, place: int) -> tuple[float, ...]:
    return tuple(one[side][part][place] for one in figures if part in one[side])


@contextlib.contextmanager
def _ours(data: Path, estate: Estate, worker: str) -> Iterator[Path]:
    """The whole stack as a user starts it; gives its data folder once all parts are ready."""
    config = data.with_suffix(".toml")
    allow = ", ".join(f'"{name}"' for name in sorted(estate.settings()["components"]))
    write_private(config, _SETTINGS.format(allow=allow, worker=worker) + estate.toml())
    command = [sys.executable, "-m", "console.cli", "up", "--config", str(config), "--data", str(data)]
    with (data.with_suffix(".log")).open("wb") as log:
        process = subprocess.Popen(child.wrapped(command, parent=os.getpid()), stdout=log, stderr=log)
    try:
        until(lambda: _all_ready(data) or process.poll() is not None, what="every part is ready", seconds=_READY_S)
        if process.poll() is not None:
            raise Permanent(f"selfheal up ended: {data.with_suffix('.log').read_text(errors='replace')[-500:]}")
        yield data
    finally:
        process.terminate()
        process.wait(timeout=60)


def _all_ready(data: Path) -> bool:
    stack = stackfile.read(data / "run" / "stack.json")
    return stack is not None and bool(stack.parts) and all(one.state is State.READY for one in stack.parts)


def _parts(data: Path) -> Mapping[str, int]:
    """The pids of our parts, and of what supervises them."""
    stack = stackfile.read(data / "run" / "stack.json")
    if stack is None:
        raise Permanent("selfheal up has ended: nothing was idle here")
    return {one.name: one.pid for one in stack.parts if one.pid is not None} | {"supervisor": stack.pid}


@contextlib.contextmanager
def _bare(folder: Path) -> Iterator[Mapping[str, int]]:
    """Prefect alone; gives its pids by name."""
    folder.mkdir(mode=0o700)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    api = f"http://127.0.0.1:{port}/api"
    environment = child.base_environment(home=folder) | SERVER_ENVIRONMENT | CLIENT_ENVIRONMENT
    environment |= {"PREFECT_HOME": str(folder), "PREFECT_API_URL": api}
    prefect = [sys.executable, "-m", "prefect"]
    log = folder / "prefect.log"
    running = [
        child.spawn([*prefect, "server", "start", "--port", str(port)], log=log, environment=environment, folder=folder)
    ]
    try:
        until(lambda: _answers(api), what="the bare Prefect server answers", seconds=_READY_S)
        worker = [*prefect, "worker", "start", "--pool", _POOL, "--type", "process"]
        running.append(child.spawn(worker, log=log, environment=environment, folder=folder))
        until(lambda: _has_worker(api), what="its worker asks for work", seconds=_READY_S)
        yield {"server": running[0].pid, "worker": running[1].pid}
    finally:
        for one in reversed(running):
            one.kill()  # it holds nothing that a gentler end would save, and its worker takes its time
            one.wait()


def _answers(api: str) -> bool:
    try:
        return httpx.get(f"{api}/health", trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _has_worker(api: str) -> bool:
    answer = httpx.post(f"{api}/work_pools/{_POOL}/workers/filter", json={}, trust_env=False)
    return answer.is_success and bool(answer.json())


def _wait(seconds: float) -> None:
    """The time that is measured is the condition here."""
    time.sleep(seconds)

"""What it costs to be there: `selfheal up` over the demo estate for ten minutes in which nothing happens, part by part.

Beside it, in the same minutes, run a bare Prefect server and an idle process worker of its own. A part's processor time
is that of its process and of all below it, flow runs that have ended among them; its memory is what would be free
without it (PSS: shared pages are divided among those who share them). The demo's own programs are not counted.
"""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
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
_READY_S = 180.0
_SETTINGS = 'estate = "idle"\n\n[healing]\nallow = [{allow}]\n\n[prefect]\nport = 0\n\n[web]\nport = 0\n\n'
_POOL = "idle"
_ALONE = frozenset({"supervisor"})
"""The parts below it stand for themselves."""
_OTHER = "a bare Prefect server (SQLite) and an idle process worker, the same minutes"


@dataclass(frozen=True, kw_only=True)
class Used:
    """What a part has used.

    Attributes:
        cpu_s: processor time until now, of its ended children too.
        memory_mb: now.
    """

    cpu_s: float
    memory_mb: float


def idle(*, quick: bool) -> list[Case]:
    """All cases: both sides as a whole, and each part of ours."""
    rounds, seconds = QUICK if quick else FULL
    with (
        scratch() as folder,
        running_estate(folder / "estate", autorestart=False) as estate,
        _bare(folder / "bare") as bare,
        _ours(folder / "ours", estate) as data,
    ):
        _wait(_SETTLED_S if not quick else 1.0)
        figures = [_round(data, bare, seconds) for _ in range(rounds)]
    return _cases(figures)


def _round(data: Path, bare: Mapping[str, int], seconds: float) -> Mapping[str, tuple[float, float]]:
    """Percent of one core, and MB, of each part within so many seconds."""
    roots = {**_parts(data), **bare}
    before, begun = _used(roots), time.monotonic()
    _wait(seconds)
    after, took = _used(roots), time.monotonic() - begun
    return {name: ((after[name].cpu_s - before[name].cpu_s) / took * 100, after[name].memory_mb) for name in roots}


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


def _cases(figures: list[Mapping[str, tuple[float, float]]]) -> list[Case]:
    """The two sums, then the parts."""
    names = sorted({name for one in figures for name in one})
    ours = [name for name in names if not name.startswith("bare ")]
    cases = []
    for place, (case, unit) in enumerate((("cpu-core-percent", "% of a core"), ("memory-mb", "MB"))):
        sums = [
            tuple(sum(one[name][place] for name in side if name in one) for one in figures)
            for side in (ours, [name for name in names if name not in ours])
        ]
        cases.append(Case(name=case, unit=unit, ours=sums[0], other=sums[1], what_other=_OTHER))
        for name in names:
            part = tuple(one[name][place] for one in figures if name in one)
            cases.append(Case(name=f"{case} of {name}", unit=unit, ours=part, what_other="none: a part of its side"))
    return cases


@contextlib.contextmanager
def _ours(data: Path, estate: Estate) -> Iterator[Path]:
    """The whole stack as a user starts it; gives its data folder once all parts are ready."""
    config = data.with_suffix(".toml")
    allow = ", ".join(f'"{name}"' for name in sorted(estate.settings()["components"]))
    write_private(config, _SETTINGS.format(allow=allow) + estate.toml())
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
        yield {"bare server": running[0].pid, "bare worker": running[1].pid}
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

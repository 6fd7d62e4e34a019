"""Flows that end in every way in which a run can end; the acceptance cases of the workers run them.

`tests/flows/worker_lab.py` copies this folder to where the workers under test find it. What a flow has to tell it
writes into the file that its parameter `note` names.
"""

import asyncio
import ctypes
import json
import multiprocessing
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.client.schemas.objects import FlowRun
from prefect.states import State

_PATIENCE_S = 600.0


def _tell(note: str, **facts: Any) -> None:
    """Write what the test reads, all at once."""
    path = Path(note)
    unfinished = path.with_suffix(".new")
    unfinished.write_text(json.dumps(facts), encoding="utf-8")
    unfinished.rename(path)


def _hook(flow: Any, flow_run: FlowRun, state: State) -> None:
    """Say that the hook of this state was called."""
    hook = Path(str(flow_run.parameters["note"])).with_suffix(f".{state.name.lower()}")
    hook.write_text(str(os.getpid()), encoding="utf-8")


@flow
def success(note: str) -> None:
    """End well."""
    _tell(note, pid=os.getpid())


@flow
async def success_async(note: str) -> None:
    """End well, on an event loop."""
    await asyncio.sleep(0)
    _tell(note, pid=os.getpid())


@flow
def failure() -> None:
    """Raise."""
    raise ValueError("broken on purpose")


@flow
async def failure_async() -> None:
    """Raise, on an event loop."""
    await asyncio.sleep(0)
    raise ValueError("broken on purpose")


@flow(on_crashed=[_hook])
def leaves(note: str, code: int) -> None:
    """End without a word, with an exit code."""
    os._exit(code)


@flow
def exits(code: int) -> None:
    """End as a script does."""
    sys.exit(code)


@flow(on_crashed=[_hook])
def segfault(note: str) -> None:
    """Read where nothing is."""
    ctypes.string_at(0)


@flow(timeout_seconds=1)
def too_long() -> None:
    """Take longer than the time-out."""
    time.sleep(_PATIENCE_S)


@flow(timeout_seconds=1)
async def too_long_async() -> None:
    """Take longer than the time-out, on an event loop."""
    await asyncio.sleep(_PATIENCE_S)


@flow(on_crashed=[_hook], on_cancellation=[_hook])
def naps(note: str) -> None:
    """Run until the file beside the note says that it is time to wake."""
    _tell(note, pid=os.getpid())
    _await(Path(note).with_suffix(".wake"))


@flow(on_crashed=[_hook], on_cancellation=[_hook])
async def naps_async(note: str) -> None:
    """Do the same on an event loop."""
    _tell(note, pid=os.getpid())
    await asyncio.to_thread(_await, Path(note).with_suffix(".wake"))


@flow
def holds(note: str) -> None:
    """Take a second, and tell when it began and ended."""
    began = time.time()
    time.sleep(1.0)
    _tell(note, began=began, ended=time.time())


def _await(wake: Path) -> None:
    ends = time.monotonic() + _PATIENCE_S
    while not wake.exists() and time.monotonic() < ends:
        time.sleep(0.05)


@flow(log_prints=True)
def talks(word: str) -> None:
    """Speak on every way there is."""
    print(f"{word} printed")  # noqa: T201 - log_prints is what is tested
    get_run_logger().info("%s logged", word)
    os.write(sys.stdout.fileno(), f"{word} written\n".encode())
    os.write(sys.stderr.fileno(), f"{word} complained\n".encode())


@flow
def surroundings(note: str, variables: list[str]) -> None:
    """Tell what surrounds the run, and leave a file where it works."""
    left = sorted(one.name for one in Path().iterdir())
    Path("left-behind").write_text("by a run", encoding="utf-8")
    _tell(note, variables={name: os.environ.get(name) for name in variables}, folder=str(Path.cwd()), left=left)


def _square(number: int) -> int:
    return number * number


@flow
def forks_and_threads(note: str) -> None:
    """Fork and thread by itself."""
    pool = multiprocessing.get_context("fork").Pool(2)
    squares = pool.map(_square, range(4))
    pool.close()  # not terminated: its processes have Prefect's handler of SIGTERM, and one may miss the signal
    pool.join()
    threads = [threading.Thread(target=squares.append, args=(number,)) for number in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    _tell(note, squares=sorted(squares))


@task
def _double(number: int) -> int:
    return number * 2


@flow
def submits_tasks(note: str) -> None:
    """Run tasks at the same time, each in a thread of Prefect's."""
    futures = [_double.submit(number) for number in range(3)]
    _tell(note, doubles=[one.result() for one in futures])

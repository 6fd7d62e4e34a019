"""A crowd around one request file: processes of ours and of others, who know no lock. Tests call `crowd` and `killed`.

`python file_crowd.py` forks one process for each part, lets all of them begin at the same moment, and ends with one
line of JSON.
"""

import contextlib
import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

from selfheal.clients.clock import SystemClock
from selfheal.clients.request_file import RequestFile
from selfheal.model.errors import SelfhealError, TargetChanged, Transient
from selfheal.model.request import RequestStatus
from selfheal.store.engine import open_engine
from selfheal.store.file_changes import FileChangeRows

LIFE = [RequestStatus.NEW, *[RequestStatus.IN_PROGRESS, RequestStatus.BLOCKED, RequestStatus.PENDING] * 5]
"""What an entry of a writer goes through."""
Part = tuple[str, int, int]
"""What it does, which one of these it is, and how often."""


def crowd(path: Path, database_url: str, parts: Sequence[Part], *, threads: int) -> dict[str, Any]:
    """Let all of them loose on the file; gives what each told."""
    return _run({"path": str(path), "parts": parts, "threads": threads}, database_url)


def killed(places: Sequence[str], folder: Path, database_url: str) -> dict[str, Any]:
    """Write one status in a process of its own for each place, and kill it there; gives how each ended."""
    return _run({"folder": str(folder), "places": places}, database_url)


def _run(wanted: dict[str, Any], database_url: str) -> dict[str, Any]:
    told = subprocess.run(
        [sys.executable, __file__, json.dumps(wanted)],
        env={**os.environ, "SELFHEAL_DATABASE_URL": database_url, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    answer: dict[str, Any] = json.loads(told.stdout.splitlines()[-1])
    return answer


def file_at(path: Path) -> RequestFile:
    """In a new process: with a connection of its own."""
    changes = FileChangeRows(open_engine(os.environ["SELFHEAL_DATABASE_URL"], pool_size=2))
    return RequestFile(path, backups=None, keep=5000, changes=changes, clock=SystemClock())


def _writer(path: Path, part: int, times: int, threads: int) -> dict[str, Any]:
    """One of ours: several threads, each with an entry of its own whose status it changes again and again."""
    file = file_at(path)

    def one(number: int) -> str:
        name = f"REQ-W{part}-{number}"
        for before, after in pairwise(LIFE[: times + 1]):
            _patiently(file, name, before, after)
        return name

    with ThreadPoolExecutor(threads) as pool:
        return {"wrote": list(pool.map(one, range(threads)))}


def _patiently(file: RequestFile, name: str, before: str, after: RequestStatus) -> None:
    """Again while others are at it; what an agent took back, with what it had read before, is as it was."""
    for _ in range(200):
        try:
            file.write_status(name, before=before, after=after, who="a writer", why="crowd")
        except Transient:
            continue
        except TargetChanged:
            before = next(one.status for one in file.read().entries if one.id == name)
            continue
        return
    raise TimeoutError(name)


def _reader(path: Path, part: int, times: int, threads: int) -> dict[str, Any]:
    """One of ours: the file is whole whenever it is looked at."""
    file, counts = file_at(path), set()
    for _ in range(times):
        reading = file.read()
        counts.add((len(reading.entries), len(reading.conflicts), reading.shrunk))
    return {"saw": sorted(counts)}


@contextlib.contextmanager
def _among_agents(path: Path) -> Iterator[None]:
    """Agents do not write at the same moment as each other: what they lose among themselves is not ours to see."""
    with path.with_name("agents.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _agent(change: Callable[[Path, bytes], None]) -> Callable[[Path, int, int, int], dict[str, Any]]:
    def agent(path: Path, part: int, times: int, threads: int) -> dict[str, Any]:
        marks = [f"<!-- {change.__name__} {part} {turn} -->" for turn in range(times)]
        for mark in marks:
            with _among_agents(path):
                change(path, f"\n{mark}\n".encode())
            time.sleep(0.005)
        return {"marks": marks}

    return agent


def _appends(path: Path, mark: bytes) -> None:
    """In place, at the end."""
    with path.open("ab") as file:
        file.write(mark)


def _rewrites(path: Path, mark: bytes) -> None:
    """In place, all of it, in pieces: the same words that it just read, and its own."""
    with path.open("r+b", buffering=0) as file:
        text = file.read() + mark
        file.seek(0)
        for begin in range(0, len(text), 10_000):
            file.write(text[begin : begin + 10_000])


def _replaces(path: Path, mark: bytes) -> None:
    """A new file over the old one; what it read is still there when it looks for the last time."""
    new = path.with_name("agent.new")
    while True:
        text = path.read_bytes()
        new.write_bytes(text + mark)
        if path.read_bytes() == text:
            new.replace(path)
            return


PARTS: dict[str, Callable[[Path, int, int, int], dict[str, Any]]] = {
    "writer": _writer,
    "reader": _reader,
    "appends": _agent(_appends),
    "rewrites": _agent(_rewrites),
    "replaces": _agent(_replaces),
}


def _forked(act: Callable[[], dict[str, Any]], gate: int | None = None) -> tuple[int, int]:
    """A child that waits at the gate, acts, and tells; its pid and where it tells."""
    told, tells = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(told)
        try:
            if gate is not None:
                os.read(gate, 1)
            with os.fdopen(tells, "w") as out:
                out.write(json.dumps(act()))
        except (SelfhealError, TimeoutError, OSError) as error:
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            os._exit(3)
        os._exit(0)
    os.close(tells)
    return pid, told


def main() -> None:
    """Run one crowd, or one row of killed writers."""
    wanted = json.loads(sys.argv[1])
    if "places" in wanted:
        ends = {place: _killed_at(place, Path(wanted["folder"]) / place) for place in wanted["places"]}
        sys.stdout.write(json.dumps(ends) + "\n")
        return
    gate, opens = os.pipe()
    path, threads = Path(wanted["path"]), wanted["threads"]
    children = [
        (kind, number, *_forked(lambda k=kind, n=number, t=times: PARTS[k](path, n, t, threads), gate))  # type: ignore[misc]
        for kind, number, times in wanted["parts"]
    ]
    os.write(opens, b"x" * len(children))
    answer = {}
    for kind, number, pid, told in children:
        with os.fdopen(told) as said:
            text = said.read()
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        answer[f"{kind} {number}"] = {"code": code, **(json.loads(text) if text else {})}
    sys.stdout.write(json.dumps(answer) + "\n")


def _killed_at(place: str, folder: Path) -> int:
    """How a writer ended that is killed there."""

    def act() -> dict[str, Any]:
        os.environ["SELFHEAL_FAILPOINT"] = f"{place.partition('.')[0]}:kill"
        file = file_at(folder / "OWNER_REQUESTS.md")
        if (folder / "lost").exists():
            last = json.loads((folder / "lost").read_text())
            file.put_back(last["sha256"], instead_of=last["instead_of"], who="w", why="restore")
        else:
            file.write_status("REQ-W0-0", before="NEW", after=RequestStatus.IN_PROGRESS, who="w", why="crowd")
        return {}

    pid, told = _forked(act)
    os.close(told)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    main()

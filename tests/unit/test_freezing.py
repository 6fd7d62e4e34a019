"""A process that is frozen stands still at once, and goes on afterwards."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.freezing import freeze, frozen

PROGRAM = """
import hashlib, threading
busy = lambda: [hashlib.sha256(bytes(5_000_000)) for _ in iter(int, 1)]
for _ in range(4):
    threading.Thread(target=busy, daemon=True).start()
for line in iter(input, "end"):
    print(line, flush=True)
"""
"""Four threads that compute without the interpreter's lock, and a first one that echoes."""


@pytest.fixture
def busy() -> Iterator["subprocess.Popen[str]"]:
    """A program of several threads that all compute."""
    command = [sys.executable, "-S", "-c", PROGRAM]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        yield program
        program.kill()


def echoed(program: "subprocess.Popen[str]", word: str) -> str:
    assert program.stdin is not None
    assert program.stdout is not None
    program.stdin.write(f"{word}\n")
    program.stdin.flush()
    return program.stdout.readline().strip()


def states(pid: int) -> set[str]:
    """What the kernel says of its threads."""
    return {line.read_text().rpartition(")")[2].split()[0] for line in Path(f"/proc/{pid}/task").glob("*/stat")}


def test_no_thread_of_a_frozen_process_runs(busy: "subprocess.Popen[str]") -> None:
    """Again and again: all its threads are stopped from the first moment on, and it answers when it is let go on."""
    assert echoed(busy, "begun") == "begun"
    for turn in range(20):
        with frozen(busy.pid):
            assert states(busy.pid) == {"T"}
        assert echoed(busy, str(turn)) == str(turn)


def test_who_is_gone_cannot_be_frozen(busy: "subprocess.Popen[str]") -> None:
    """It is told at once, not waited for."""
    busy.kill()
    busy.wait()
    with pytest.raises(ProcessLookupError):
        freeze(busy.pid)

"""What every program of the demo estate does at its start: obey TERM, and write itself into the ledger.

The programs of this folder call `begin` first. The ledger (one line per start: program, pid, time) is
written by the programs themselves, so that restarts can be counted without asking whoever claims to have
made them.
"""

import argparse
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType


@dataclass(frozen=True, kw_only=True)
class Started:
    """The command line of a program.

    Attributes:
        name: the program's name in supervisord.
        port: where it listens on loopback; 0 for one that does not.
        rest: what else it was given.
    """

    name: str
    port: int
    rest: tuple[str, ...]


def begin() -> Started:
    """Read the command line, obey TERM, write one line into the ledger."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--name", required=True)
    parser.add_argument("--ledger", required=True, type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("rest", nargs="*")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, _end)
    _write_ledger(options.ledger, options.name)
    return Started(name=options.name, port=options.port, rest=tuple(options.rest))


def say(words: str) -> None:
    """One line of the program's log."""
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {words}\n")
    sys.stdout.flush()


def _write_ledger(path: Path, name: str) -> None:
    """One write of one line in append mode: lines of several programs never mix."""
    ledger = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(ledger, f"{name} {os.getpid()} {time.time():.3f}\n".encode())
    os.close(ledger)


def _end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  the signature of a signal handler
    """End at once, also while other threads hang."""
    os._exit(0)

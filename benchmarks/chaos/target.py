"""One target of the campaign: writes each of its starts into a ledger, then answers over HTTP until it is broken.

Run by file path as `python -I -S target.py --name NAME --folder FOLDER [--port PORT] [--deaf]`, by supervisord;
standard library only, since it starts thousands of times. The ledger is the proof of an effect: one line a start,
`name pid time incarnation state`, on disk before anything else happens. `FOLDER/poison/NAME` holds how many of its next
lives are sick. USR1 makes it hang; `--deaf` makes it overhear TERM.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import socket
import time
from pathlib import Path

ANSWERS = {"well": b"HTTP/1.0 200 OK\r\n\r\nok\n", "sick": b"HTTP/1.0 503 Service Unavailable\r\n\r\nsick\n"}
_ASKED_WITHIN_S = 2.0
_REQUEST_BYTES = 4096


def main() -> None:
    """Write the start down, then serve."""
    options = _parse()
    if options.deaf:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, lambda *_: _hang())
    state = "sick" if _poisoned(options.folder / "poison" / options.name) else "well"
    write_line(options.folder / "ledger", f"{options.name} {os.getpid()} {time.time():.6f} {_incarnation()} {state}")
    if options.port:
        _serve(options.port, ANSWERS[state])
    while True:
        signal.pause()


def write_line(path: Path, line: str) -> None:
    """Append one line in one write, and wait until it is on disk: lines of several programs never mix."""
    ledger = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(ledger, f"{line}\n".encode())
    os.fsync(ledger)
    os.close(ledger)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--name", required=True)
    parser.add_argument("--folder", required=True, type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--deaf", action="store_true")
    return parser.parse_args()


def _poisoned(path: Path) -> bool:
    """Whether this life is a sick one; takes it off the count."""
    try:
        left = int(path.read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return False
    path.write_text(f"{max(0, left - 1)}\n", encoding="ascii")
    return left > 0


def _incarnation() -> str:
    """The kernel's own start time of this process: a pid may come again, both together do not."""
    return Path("/proc/self/stat").read_text(encoding="ascii").rpartition(")")[2].split()[19]


def _hang() -> None:
    """Up, but dead, until somebody ends it."""
    while True:
        signal.pause()


def _serve(port: int, answer: bytes) -> None:
    """Give every request the same answer."""
    with socket.create_server(("127.0.0.1", port), backlog=64) as server:
        while True:
            client, _ = server.accept()
            with client, contextlib.suppress(OSError):  # a client that went away is no news
                client.settimeout(_ASKED_WITHIN_S)
                client.recv(_REQUEST_BYTES)
                client.sendall(answer)


if __name__ == "__main__":
    main()

"""A wire between one worker and Postgres that can be cut where one transaction commits, or go silent for good."""

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Literal

INTENT = b"admit_trigger"
CLAIM = b"runs=(healing_actions.runs"
OUTCOME = b"execution_time_ms="
HEALTH = b"FROM keep_health"
"""What only the statement of that transaction says."""
_COMMITS = {INTENT: b"", CLAIM: b"COMMIT", OUTCOME: b"COMMIT", HEALTH: b""}
"""What commits it, and what its answer then says: one statement is a transaction by itself."""
_BYTES = 1 << 16

Hold = Literal["", "commit", "answer"]


class Proxy:
    """Forwards every connection to Postgres; holds what commits one transaction, or the answer to it.

    Args:
        port: of Postgres.
        marker: which transaction; the first one counts.
        hold: what commits it, before Postgres sees it; or Postgres' answer to it.
    """

    def __init__(self, port: int, *, marker: bytes = INTENT, hold: Hold = "") -> None:
        self._to, self._marker, self._hold, self._commit = port, marker, hold, _COMMITS[marker]
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.reached = threading.Event()
        self._go = threading.Event()
        self._silent = threading.Event()
        self._forward = True
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def release(self, *, forward: bool) -> None:
        """Let what is held go on its way, or lose it with its connection."""
        self._forward = forward
        self._go.set()

    def silence(self) -> None:
        """From now on nothing arrives anywhere, and no connection is closed."""
        self._silent.set()
        self._go.set()

    def close(self) -> None:
        """Close every connection."""
        self._go.set()
        for one in [self._listener, *self._sockets]:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._sockets.append(client)
                if not self._silent.is_set():
                    self._connect(client)

    def _connect(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self._to), timeout=5)
        except OSError:
            client.close()
            return
        server.settimeout(None)
        self._sockets.append(server)
        marked = threading.Event()
        for run in (lambda: self._up(client, server, marked), lambda: self._down(server, client, marked)):
            threading.Thread(target=run, daemon=True).start()

    def _up(self, client: socket.socket, server: socket.socket, marked: threading.Event) -> None:
        """What the worker says."""

        def held(data: bytes) -> bool:
            if self._marker in data and not self.reached.is_set():
                marked.set()
            return self._hold == "commit" and marked.is_set() and self._commit in data

        self._pump(client, server, held)

    def _down(self, server: socket.socket, client: socket.socket, marked: threading.Event) -> None:
        """What Postgres says."""
        self._pump(server, client, lambda data: self._hold == "answer" and marked.is_set() and self._commit in data)

    def _pump(self, source: socket.socket, sink: socket.socket, held: Callable[[bytes], bool]) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_BYTES):
                if not self.reached.is_set() and held(data):
                    self.reached.set()
                    self._go.wait()
                    if not self._forward:
                        break
                if self._silent.is_set():
                    return
                sink.sendall(data)
        if not self._silent.is_set():
            for one in (source, sink):
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

"""A service of the demo that grows until it is restarted: its memory, or the time that it takes to answer.

Healthy on `/health`, tells its memory on `/memory`, collects its garbage on a POST to `/collect` if it was started with
the word `collects`. A POST to `/figures` says where it stands and how fast it grows; a start forgets that.
"""

import json
import socketserver
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from deployments.demo.program import begin, say
from deployments.demo.web import HOST

LIMIT_BYTES = 1_000_000_000
COLLECTS = "collects"
_LARGEST_BODY = 1000


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Where a service stands at a moment, and how fast it grows.

    Attributes:
        memory: in percent of its limit.
        memory_an_hour: by so much more every hour.
        answer_ms: it takes to answer on `/health`.
        answer_ms_an_hour: by so much more every hour.
    """

    memory: float = 30.0
    memory_an_hour: float = 0.0
    answer_ms: float = 20.0
    answer_ms_an_hour: float = 0.0


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int, *, collects: bool) -> None:
        self.collects = collects
        self._lock = threading.Lock()
        self._figures, self._since = Figures(), time.monotonic()
        super().__init__((HOST, port), _Handler)

    def server_bind(self) -> None:
        """Bind without the name look-up of `HTTPServer`, which may take seconds."""
        socketserver.TCPServer.server_bind(self)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002  the signature of the base
        """A client that went away is no news."""
        say("a client went away")

    def stand(self, figures: Figures) -> None:
        """Stand there from now on."""
        with self._lock:
            self._figures, self._since = figures, time.monotonic()

    def now(self) -> Figures:
        """Where it stands by now."""
        with self._lock:
            figures, hours = self._figures, (time.monotonic() - self._since) / 3600
        return Figures(
            memory=figures.memory + figures.memory_an_hour * hours,
            answer_ms=figures.answer_ms + figures.answer_ms_an_hour * hours,
        )


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        """Health, after the time that it takes; or memory, at once."""
        now = self.server.now()
        if self.path == "/health":
            time.sleep(now.answer_ms / 1000)
            self._answer(200, {"health": "ok"})
        elif self.path == "/memory":
            self._answer(200, {"used": int(now.memory / 100 * LIMIT_BYTES), "limit": LIMIT_BYTES})
        else:
            self._answer(404, {"error": "not found"})

    def do_POST(self) -> None:
        """Collect, or stand somewhere else."""
        if self.path == "/collect":
            say("asked to collect" + ("" if self.server.collects else ": nothing is garbage"))
            if self.server.collects:
                self.server.stand(Figures())
            self._answer(200, {"collected": self.server.collects})
        elif self.path == "/figures":
            length = min(int(self.headers.get("Content-Length", 0)), _LARGEST_BODY)
            self.server.stand(Figures(**json.loads(self.rfile.read(length))))
            self._answer(200, {"stands": True})
        else:
            self._answer(404, {"error": "not found"})

    def log_message(self, *words: Any) -> None:
        """No line per request: the watcher asks every few seconds."""

    def _answer(self, status: int, told: dict[str, Any]) -> None:
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    started = begin()
    say(f"{started.name} listens on port {started.port}")
    with _Server(started.port, collects=COLLECTS in started.rest) as server:
        server.serve_forever()

"""The HTTP side of the demo programs: one healthy path, and a fault that a POST turns on until a restart.

`backend`, `frontend` and `consumer` call `serve`. It listens on loopback only.
"""

import socketserver
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from deployments.demo.program import say

HOST = "127.0.0.1"
HANG = "/fault/hang"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int, path: str, healthy: Callable[[], bool]) -> None:
        self.path = path
        self.healthy = healthy
        self.hangs = threading.Event()
        super().__init__((HOST, port), _Handler)

    def server_bind(self) -> None:
        """Bind without the name look-up of `HTTPServer`, which may take seconds."""
        socketserver.TCPServer.server_bind(self)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002  the signature of the base
        """A client that went away is no news; its traceback would fill the log."""
        say("a client went away")


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        """The healthy path, unless the fault is on: then hold the client until it goes."""
        if self.server.hangs.is_set():
            self.connection.recv(1)
        elif self.path != self.server.path:
            self._answer(404, "not found")
        elif self.server.healthy():
            self._answer(200, "ok")
        else:
            self._answer(503, "not connected")

    def do_POST(self) -> None:
        """Turn the fault on."""
        if self.path != HANG:
            self._answer(404, "not found")
            return
        say("fault: from now on no request is answered")
        self.server.hangs.set()
        self._answer(202, "hanging")

    def log_message(self, *words: Any) -> None:
        """No line per request: the watcher asks every few seconds."""

    def _answer(self, status: int, text: str) -> None:
        body = f"{text}\n".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def serve(port: int, *, path: str, healthy: Callable[[], bool] = lambda: True) -> None:
    """Answer 200 on `path` while `healthy()`, else 503; `POST /fault/hang` ends all answers."""
    with _Server(port, path, healthy) as server:
        server.serve_forever()

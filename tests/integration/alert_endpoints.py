"""Receivers of alerts on loopback: an HTTP server that answers as it is told, and a small mail server.

`tests/conftest.py` imports the fixtures.
"""

import contextlib
import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


@dataclass(kw_only=True)
class Endpoint:
    """An HTTP server: what it got, by path, and what it answers there (204)."""

    url: str = ""
    answers: dict[str, tuple[int, dict[str, str], str]] = field(default_factory=dict)
    got: list[tuple[str, dict[str, Any], dict[str, str]]] = field(default_factory=list)
    hanging: dict[str, threading.Event] = field(default_factory=dict)

    def bodies(self, path: str) -> list[dict[str, Any]]:
        """What came there."""
        return [body for at, body, _ in self.got if at == path]


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """It runs until the test is over; what hangs is let go then."""
    found = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if not body:
                return  # its sender has given up
            found.got.append((self.path, json.loads(body), dict(self.headers)))
            if (event := found.hanging.get(self.path)) is not None:
                event.wait(60)
            status, headers, words = found.answers.get(self.path, (204, {}, ""))
            with contextlib.suppress(OSError):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(words)))
                self.end_headers()
                self.wfile.write(words.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        found.url = f"http://127.0.0.1:{server.server_port}"
        yield found
        for event in found.hanging.values():
            event.set()
        server.shutdown()
        thread.join()


@dataclass(kw_only=True)
class Postbox:
    """A mail server: what it got, the one password that it takes, and what it answers for some recipients."""

    port: int = 0
    password: str = "right"
    refuse: str = ""
    recipients: dict[str, str] = field(default_factory=dict)
    got: list[Message] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)


@pytest.fixture
def postbox() -> Iterator[Postbox]:
    """It speaks as much SMTP as a client of ours does."""
    found = Postbox()

    class Session(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self._say("220 ready")
            for line in iter(self.rfile.readline, b""):
                if self._answer(line.decode().strip()):
                    return

        def _answer(self, line: str) -> bool:
            verb = line.split(" ", maxsplit=1)[0].upper()
            answers: dict[str, Callable[[], str]] = {
                "EHLO": lambda: "250-here\r\n250 AUTH PLAIN",
                "AUTH": lambda: self._login(line.rsplit(" ", maxsplit=1)[-1]),
                "MAIL": lambda: "250 ok",
                "RCPT": lambda: found.refuse or found.recipients.get(line.partition("<")[2].rstrip(">"), "250 ok"),
                "DATA": self._data,
                "RSET": lambda: "250 ok",
                "QUIT": lambda: "221 bye",
            }
            self._say(answers.get(verb, lambda: "502 what?")())
            return verb == "QUIT"

        def _login(self, words: str) -> str:
            import base64  # noqa: PLC0415

            _, user, password = base64.b64decode(words).decode().split("\0")
            found.logins.append(user)
            return "235 come in" if password == found.password else "535 wrong password"

        def _data(self) -> str:
            self._say("354 go on")
            found.got.append(message_from_bytes(b"".join(iter(self.rfile.readline, b".\r\n"))))
            return "250 kept"

        def _say(self, words: str) -> None:
            with contextlib.suppress(OSError):
                self.wfile.write(f"{words}\r\n".encode())

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Session) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        found.port = server.server_address[1]
        yield found
        server.shutdown()
        thread.join()

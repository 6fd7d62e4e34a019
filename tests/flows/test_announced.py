"""Runs begin when the server announces them: under a worker that would look for them by itself only after an hour."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from prefect_fixtures import Server
from worker_lab import Lab

HOUR_S = 3600.0
DEAF, HEARD = "Runs begin at the worker's next look", "Events are heard again"
_BYTES = 1 << 16


class Wire:
    """Between the worker and the server: can be cut, which closes every connection, and joined again."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._cut = False
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self._copying = [threading.Thread(target=self._serve)]
        self._copying[0].start()

    def cut(self) -> None:
        """Nobody reaches the server any more."""
        with self._lock:
            self._cut = True
            while self._sockets:
                _close(self._sockets.pop())

    def join(self) -> None:
        """As before; who was cut off has to connect again."""
        self._cut = False

    def close(self) -> None:
        """End it, with its threads."""
        self.cut()
        _close(self._listener)
        for one in self._copying:
            one.join()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # the listener is closed
            while True:
                client, _ = self._listener.accept()
                with self._lock:
                    if self._cut:
                        client.close()
                        continue
                    server = socket.create_connection(("127.0.0.1", self._to))
                    self._sockets += [client, server]
                    for ends in ((client, server), (server, client)):
                        self._copying.append(threading.Thread(target=_copy, args=ends))
                        self._copying[-1].start()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while some := source.recv(_BYTES):
            sink.sendall(some)
    _close(sink)


def _close(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


@pytest.fixture
def wire(prefect_server: Server) -> Iterator[Wire]:
    """The way to the session's server."""
    wire = Wire(urlsplit(prefect_server.url).port or 0)
    yield wire
    wire.close()


@pytest.fixture
def lab(prefect_server: Server, wire: Wire, tmp_path: Path) -> Iterator[Lab]:
    """A worker of ours behind the wire, whose next look for runs is far away."""
    url = f"http://127.0.0.1:{wire.port}/api"
    lab = Lab("prefork", tmp_path, prefect_server, pool="announced", api_url=url, looks_every_s=HOUR_S)
    try:
        lab.start()
        yield lab
    finally:
        lab.close()


@pytest.mark.timeout(400)
def test_a_run_begins_when_it_is_announced(lab: Lab, wire: Wire) -> None:
    """At once while events are heard; what was announced while none was heard begins as soon as one could be again."""
    begun = lab.run("lab_cases.success", {"note": str(lab.note())})
    assert lab.ended(begun).is_completed()
    wire.cut()
    lab.until("the worker says that it hears nothing", lambda: DEAF in lab.said())
    missed = lab.run("lab_cases.success", {"note": str(lab.note())})
    wire.join()
    assert lab.ended(missed).is_completed()
    assert [lab.said().count(words) for words in (DEAF, HEARD)] == [1, 1]
    following = lab.run("lab_cases.success", {"note": str(lab.note())})
    assert lab.ended(following).is_completed()

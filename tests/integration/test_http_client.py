"""The HTTP client against real sockets that behave and misbehave."""

import socket
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from selfheal.clients.http import BODY_LIMIT, Http
from selfheal.model.errors import Permanent, Transient

SOON = timedelta(seconds=10)
SHORT = timedelta(seconds=0.4)

Serve = Callable[[Callable[[socket.socket], None]], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Gives the URL of a server whose answer to everything is the given function."""
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def start(answer: Callable[[socket.socket], None]) -> str:
        def run() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                try:
                    answer(connection)
                except OSError:
                    return  # the client has gone, which is what these tests are about

        threads.append(threading.Thread(target=run))
        threads[-1].start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}/health"

    yield start
    for thread in threads:
        thread.join()
    listener.close()


@pytest.mark.parametrize("status", [200, 204, 302, 404, 503])
def test_status_is_given(serve: Serve, status: int) -> None:
    """Every status is an answer, also a redirect, which is not followed."""
    head = f"HTTP/1.1 {status} X\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n".encode()
    assert Http().get(serve(lambda client: client.sendall(head)), timeout=SOON)[0] == status


def test_proxies_of_the_environment_are_not_used(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own estate is asked directly."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    url = serve(lambda client: client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
    assert Http().get(url, timeout=SOON)[0] == 200


def _trickle(head: bytes) -> Callable[[socket.socket], None]:
    def answer(client: socket.socket) -> None:
        client.sendall(head)
        while not threading.Event().wait(0.02):
            client.sendall(b"x")

    return answer


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nX-Long: "])
def test_trickling_server(serve: Serve, head: bytes) -> None:
    """Bytes that come one by one, in body or headers, do not prolong the time-out."""
    with pytest.raises(Transient, match="gave no full answer within"):
        Http().get(serve(_trickle(head)), timeout=SHORT)


def test_endless_body(serve: Serve) -> None:
    """Of a body without end only the beginning is read."""
    sent = 0

    def answer(client: socket.socket) -> None:
        nonlocal sent
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            sent += client.send(b"x" * 65536)

    assert Http().get(serve(answer), timeout=SOON)[0] == 200
    assert sent < 200 * BODY_LIMIT


def test_silent_server(serve: Serve) -> None:
    """A server that accepts and says nothing is told as that."""
    with pytest.raises(Transient, match="gave no full answer within"):
        Http().get(serve(lambda client: client.recv(1) and None), timeout=SHORT)


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-x\r\n"])
def test_no_http(serve: Serve, answer: bytes) -> None:
    """Something else that listens there is told as that."""
    with pytest.raises(Transient, match="did not answer in HTTP"):
        Http().get(serve(lambda client: client.sendall(answer)), timeout=SOON)


def test_refused(free_port: int) -> None:
    """A port where nobody listens is told as that, without the password of the URL."""
    with pytest.raises(Transient, match="refuses connections") as refusal:
        Http().get(f"http://me:s3cret@127.0.0.1:{free_port}/", timeout=SOON)
    assert "s3cret" not in str(refusal.value)


@pytest.mark.parametrize("url", ["", "ftp://x/", "http://", "http://127.0.0.1:99999/", "http://[::1"])
def test_wrong_url(url: str) -> None:
    """What is no address of a web server is refused."""
    with pytest.raises(Permanent, match="no address of an HTTP server"):
        Http().get(url, timeout=SHORT)


def test_a_call_brings_its_method_token_and_body() -> None:
    """The server sees what was asked for, and its status is given whatever it is."""
    seen: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        connection, _ = listener.accept()
        with connection:
            while b"{now}" not in b"".join(seen):
                seen.append(connection.recv(65536))
            connection.sendall(b"HTTP/1.1 418 X\r\nContent-Length: 0\r\n\r\n")

    thread = threading.Thread(target=run)
    thread.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/caches?all=1"
    assert Http().send("DELETE", url, token="t0ken", body="{now}", timeout=SOON) == 418
    thread.join()
    listener.close()
    said = b"".join(seen).lower()
    assert said.startswith(b"delete /caches?all=1 ")
    assert b"authorization: bearer t0ken" in said


def test_what_a_url_tells_is_read_to_its_bound(serve: Serve) -> None:
    """The body of a 2xx; at most 64 KiB of it."""
    url = serve(lambda client: client.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (BODY_LIMIT + 10)))
    assert Http().read(url, token="t0ken", timeout=SOON) == "x" * BODY_LIMIT


def test_what_is_no_good_answer_is_not_read(serve: Serve) -> None:
    """A redirect and an error tell no figure."""
    url = serve(lambda client: client.sendall(b"HTTP/1.1 503 X\r\nContent-Length: 2\r\n\r\n{}"))
    with pytest.raises(Permanent, match="answers 503"):
        Http().read(url, token="", timeout=SOON)

"""One XML-RPC call to a supervisord, bounded in time and size; only `clients.supervisor` calls this.

`xmlrpc.client.ServerProxy` has no time-outs, no bound on an answer and one connection that threads cannot
share, so only its encoding is used here; each call is a connection of its own.
"""

import base64
import http.client
import socket
import time
import xmlrpc.client
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from xml.parsers.expat import ExpatError

from selfheal.model.errors import Permanent, Transient

ANSWER_LIMIT = 8 * 1024 * 1024
NOT_XML = bytes(code for code in range(32) if code not in b"\t\n\r")
OK, UNAUTHORIZED, NOT_FOUND = 200, 401, 404


class RpcFault(Exception):
    """Supervisord's refusal: `code` is one of `supervisor.xmlrpc.Faults`."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a socket file."""

    def __init__(self, path: str, *, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Where a supervisord listens and how to log in; a wrong `url` is refused when it is built."""

    url: str
    username: str = ""
    password: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            good = (parts.scheme == "http" and parts.hostname and parts.port) or (parts.scheme == "unix" and parts.path)
        except ValueError:
            good = False
        if not good or parts.username or parts.password:
            raise Permanent(
                "the supervisor's url is not one that supervisord listens on",
                hint='write url = "http://127.0.0.1:PORT" or "unix:///PATH", and username and password apart',
            )

    def call(self, method: str, *params: str | int, timeout: timedelta) -> Any:
        """The answer of `supervisor.METHOD`.

        Raises:
            RpcFault: supervisord refused.
            Transient: it is away, too slow, or does not make sense at the moment.
            Permanent: it does not let us in, or what listens there is no supervisord.
        """
        body = xmlrpc.client.dumps(params, f"supervisor.{method}").encode()
        try:
            return _decoded(self._post(body, timeout.total_seconds()))
        except TimeoutError:
            raise Transient(
                f"the supervisor at {self.url} did not answer {method} within {timeout.total_seconds():g} s",
                hint="see whether supervisord is frozen or very busy",
            ) from None
        except (ConnectionRefusedError, FileNotFoundError) as error:
            raise Transient(
                f"no supervisor listens at {self.url}",
                hint="start supervisord, or correct the url in its settings",
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise Transient(
                f"the supervisor at {self.url} broke off {method}: {error or type(error).__name__}",
                hint="see supervisord's log",
            ) from error
        except (ExpatError, ValueError, xmlrpc.client.ResponseError) as error:
            raise Permanent(
                f"what listens at {self.url} does not answer as a supervisord does",
                hint="correct the url in its settings",
            ) from error

    def _post(self, body: bytes, seconds: float) -> bytes:
        deadline = time.monotonic() + seconds
        connection = self._connection(seconds)
        try:
            connection.connect()
            wire = connection.sock  # `getresponse` takes it away from the connection
            connection.request("POST", "/RPC2", body, self._headers())
            with connection.getresponse() as answer:
                self._check_status(answer.status)
                return _read(answer, wire, deadline)
        finally:
            connection.close()

    def _connection(self, seconds: float) -> http.client.HTTPConnection:
        parts = urlsplit(self.url)
        if parts.scheme == "unix":
            return _UnixConnection(parts.path, timeout=seconds)
        return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=seconds)

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "text/xml", "User-Agent": "selfheal", "Connection": "close"}
        if self.username:
            login = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
            headers["Authorization"] = f"Basic {login}"
        return headers

    def _check_status(self, status: int) -> None:
        if status == UNAUTHORIZED:
            raise Permanent(
                f"the supervisor at {self.url} does not accept the user or the password",
                hint="set username and password as in supervisord's own configuration",
            )
        if status == NOT_FOUND:
            raise Permanent(
                f"what listens at {self.url} offers no XML-RPC",
                hint="correct the url, or give supervisord its rpcinterface",
            )
        if status != OK:
            raise Transient(f"the supervisor at {self.url} answered {status}", hint="see supervisord's log")


def _read(answer: http.client.HTTPResponse, wire: socket.socket, deadline: float) -> bytes:
    """The body, unless it takes or gives too much."""
    pieces: list[bytes] = []
    size = 0
    while piece := answer.read1(65536):
        size += len(piece)
        if size > ANSWER_LIMIT:
            raise Transient("the supervisor's answer is longer than 8 MiB", hint="see what listens at its url")
        pieces.append(piece)
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        wire.settimeout(left)
    return b"".join(pieces)


def _decoded(body: bytes) -> Any:
    """The one value of an answer; control characters of a program's log, which are no XML, are left out."""
    try:
        (value,), _ = xmlrpc.client.loads(body.translate(None, NOT_XML))
    except xmlrpc.client.Fault as fault:
        raise RpcFault(fault.faultCode, fault.faultString) from None
    return value

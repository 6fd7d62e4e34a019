"""The door: every request passes it before any route, and every answer on its way out.

In this order: a request id; is the host ours; is the body small and complete; who sends it; not too often; not forged.
The answer, whoever gives it, gets our headers. What breaks is told in words, and kept in the log.
"""

import asyncio
import contextlib
import ipaddress
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.requests import Request, cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.web import body as bodies
from console.web import forgery
from console.web.buckets import Buckets
from console.web.callers import Callers
from console.web.headers import with_ours
from console.web.hosts import Hosts
from console.web.refusal import Refusal, broken, full, refusal_of, too_large, too_often, too_slow
from console.web.request_id import request_id
from console.web.services import Services
from console.web.visit import Visit, Way
from selfheal.logs import about
from selfheal.model.errors import SelfhealError

_log = logging.getLogger(__name__)
WITHIN_S = 15.0
"""An answer that takes longer is given up; a statement has at most 10 s."""
ENDLESS = "/events"
PUBLIC = ("/healthz", "/static/")
"""Needs nobody's name, nor the database."""
LOGIN = "/login"
_SAFE = frozenset({"GET", "HEAD"})


def cookie_name(services: Services) -> str:
    """Of the session; the prefix makes browsers refuse one that another host or path has set."""
    return "__Host-selfheal" if services.https else "selfheal"


@dataclass(frozen=True, kw_only=True)
class Keys:
    """What the door keeps from one request to the next.

    Attributes:
        services: gives those in force.
        callers: who was let in lately.
        requests: by token, or address.
        logins: failed ones, by address.
        open_csrf: what forms carry at the open door.
        room: for the bodies of all requests.
    """

    services: Callable[[], Services]
    callers: Callers
    requests: Buckets
    logins: Buckets
    open_csrf: str = ""
    room: bodies.Room = field(default_factory=bodies.Room)


class Door:
    """ASGI middleware, the outermost.

    Args:
        app: what is behind it.
        keys: what it keeps.
    """

    def __init__(self, app: ASGIApp, *, keys: Keys) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let in, or refuse."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            passage = _Passage(self._app, self._keys, scope, receive, send)
            with about(request=passage.id):
                await passage.take()


class _Passage:
    """One request on its way."""

    def __init__(self, app: ASGIApp, keys: Keys, scope: Scope, receive: Receive, send: Send) -> None:
        self._app, self._keys, self._scope, self._receive, self._send = app, keys, scope, receive, send
        self._services = keys.services()
        self._hosts = Hosts(host=self._services.web.host, public_url=self._services.web.public_url)
        self._headers = Headers(scope=scope)
        self._began = time.monotonic()
        self._status = 0
        self._who = ""
        self._held = 0
        self.id = request_id(self._headers.get("x-request-id"))

    async def take(self) -> None:
        """Answer the request, whatever happens."""
        bound = contextlib.nullcontext() if self._scope["path"] == ENDLESS else asyncio.timeout(WITHIN_S)
        try:
            async with bound:
                refused = await self._refused()
                if refused is None:
                    await self._app(self._scope, self._receive, self._out)
                else:
                    await self._refuse(refused)
        except bodies.Gone:
            self._status = self._status or HTTPStatus.BAD_REQUEST
        except TimeoutError:
            await self._refuse(too_slow())
        except SelfhealError as error:
            _log.warning("%s", error)
            await self._refuse(refusal_of(error))
        except Exception:  # noqa: BLE001 - the last frame of the request: told in a line, kept in full in the log
            _log.exception("a request broke")
            await self._refuse(broken())
        finally:
            self._keys.room.give_back(self._held)
            self._note()

    async def _refused(self) -> Refusal | None:
        """Why it is not let in; None: it is."""
        if not self._hosts.ours(self._headers.get("host", "")):
            return Refusal(
                status=HTTPStatus.MISDIRECTED_REQUEST,
                code="WRONG_HOST",
                message="this server is not known by that name",
                hint="use the address that `selfheal status` shows, or set web.public_url",
            )
        largest = bodies.largest(self._scope["path"])
        try:
            length = self._headers.get("content-length")
            body = await bodies.read(self._receive, length=length, at_most=largest, take=self._hold)
        except bodies.TooLarge:
            return too_large(largest)
        except bodies.Full:
            return full()
        self._receive = bodies.again(body, self._receive)
        visit = await self._visit()
        if isinstance(visit, Refusal):
            return visit
        self._scope.setdefault("state", {})["visit"] = visit
        self._who = visit.identity.name if visit.identity else "nobody"
        if self._scope["method"] in _SAFE:
            return None
        return forgery.judged(visit, self._headers, body, self._hosts)

    def _hold(self, size: int) -> None:
        """So many bytes of the body are here, until it is answered."""
        self._keys.room.take(size)
        self._held += size

    async def _visit(self) -> Visit | Refusal:
        """Who it is, unless they ask too often."""
        keys, address = self._keys, _network(self._scope)
        nobody = Visit(way=Way.NOBODY, identity=None, address=address, request_id=self.id)
        if self._scope["path"].startswith(PUBLIC):
            return nobody
        way, secret = self._credentials()
        found = keys.callers.known(way, secret)
        if found is None and (wait := self._shut(way, address)):
            return too_often(wait)
        if found is None and way is not Way.NOBODY:
            found = await keys.callers.find(self._services, way, secret)
        if found is not None and way is Way.OPEN:
            found = found[0], keys.open_csrf
        if found is None and way is Way.TOKEN:
            keys.logins.take(address)
        token = found[0].token if found else None
        if wait := keys.requests.take(str(token or address)):
            return too_often(wait)
        if found is None:
            return nobody
        return Visit(way=way, identity=found[0], csrf=found[1], secret=secret, address=address, request_id=self.id)

    def _shut(self, way: Way, address: str) -> float:
        """Seconds for which this address is not even looked at."""
        tries = way is Way.TOKEN or (self._scope["path"] == LOGIN and self._scope["method"] == "POST")
        return max(self._keys.requests.empty(address), self._keys.logins.empty(address) if tries else 0.0)

    def _credentials(self) -> tuple[Way, str]:
        """What the request shows; a token before a session."""
        scheme, _, secret = self._headers.get("authorization", "").partition(" ")
        if scheme:
            return Way.TOKEN, secret.strip() if scheme.lower() == "bearer" else ""
        if self._services.open_door:
            return Way.OPEN, self._services.open_secret
        cookies = cookie_parser(self._headers.get("cookie", ""))
        session = cookies.get(cookie_name(self._services), "")
        return (Way.SESSION, session) if session else (Way.NOBODY, "")

    async def _refuse(self, refusal: Refusal) -> None:
        """Tell it, unless an answer is already on its way."""
        if not self._status:
            response = refusal.response(self._headers.getlist("accept"), request_id=self.id)
            await response(self._scope, self._receive, self._out)

    async def _out(self, message: Message) -> None:
        """Every answer goes out here."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            headers = with_ours(message.get("headers", ()), https=self._services.https, request_id=self.id)
            message = {**message, "headers": headers}
        await self._send(message)

    def _note(self) -> None:
        """One line; the query may hold what somebody has typed and is left out."""
        took = (time.monotonic() - self._began) * 1000
        level = logging.DEBUG if self._scope["path"].startswith(PUBLIC) else logging.INFO
        method, path = self._scope["method"], self._scope["path"]
        _log.log(level, "%s %r by %s: %s in %.0f ms", method, path, self._who or "-", self._status, took)


def failed_login(request: Request) -> None:
    """Count one against the address."""
    keys: Keys = request.app.state.keys
    keys.logins.take(request.state.visit.address)


def _network(scope: Scope) -> str:
    """Where it comes from; of IPv6 the network, since everybody has as many addresses as they like."""
    client = scope.get("client")
    if client is None:
        return "-"
    try:
        address = ipaddress.ip_address(client[0])
    except ValueError:
        return "-"
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else str(address)  # noqa: PLR2004

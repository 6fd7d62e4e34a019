"""GET /events: tells a page that what it shows has changed; the page then fetches itself.

Server-sent events: `ready` once the first marks were read; `changed` with the list of areas; `ended` when the login is
over. Each carries the marks as its id, so that a browser that comes back hears at once of what it has missed.
"""

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncGenerator, Callable
from functools import partial
from http import HTTPStatus

from fastapi import APIRouter, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from console.web.caller import Caller, Visiting
from console.web.feed import Feed, Listener
from console.web.refusal import Refusal
from console.web.services import services_of
from console.web.visit import Visit, Way
from selfheal.model.errors import SelfhealError
from selfheal.model.mark import Area

KEEP_ALIVE_S = 15.0
LOOK_S = 2.0
"""How often it is asked whether the listener still may listen."""
PATIENCE_S = 10.0
"""A listener who does not read for so long is dropped."""
LONGEST_S = 600.0
"""Then the browser comes back by itself: a listener that is no more holds its place no longer."""
RETRY = b"retry: 1000\n\n"
router = APIRouter()


class EventStream(Response):
    """An answer without an end, to a listener who reads it.

    Args:
        events: what is sent.
        leave: called once, however the answer ends, also before the first event.
    """

    media_type = "text/event-stream"

    def __init__(self, events: AsyncGenerator[bytes], *, leave: Callable[[], None]) -> None:
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._events, self._leave = events, leave

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what comes, until the listener goes away or stops reading."""
        del scope
        try:
            await self._answer(receive, send)
        finally:
            self._leave()

    async def _answer(self, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        sending = asyncio.create_task(self._send(send))
        leaving = asyncio.create_task(_left(receive))
        done, pending = await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        if sending in done:
            sending.result()

    async def _send(self, send: Send) -> None:
        try:
            async for event in self._events:
                async with asyncio.timeout(PATIENCE_S):
                    await send({"type": "http.response.body", "body": event, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:  # it does not read: what was sent waits in its buffers
            return


@router.get("/events")
async def events(request: Request, visiting: Visiting, caller: Caller) -> Response:
    """Listen."""
    feed: Feed = request.app.state.feed
    listener = feed.join(lambda: services_of(request), caller)
    if listener is None:
        return _full().response(request.headers.getlist("accept"), request_id=visiting.request_id)
    return EventStream(_told(request, visiting, listener), leave=partial(feed.leave, listener))


async def _told(request: Request, visiting: Visit, listener: Listener) -> AsyncGenerator[bytes]:
    """The events."""
    began = spoken = time.monotonic()
    missed = request.headers.get("last-event-id")
    yield RETRY
    while time.monotonic() - began < LONGEST_S and not request.app.state.ending():
        if not await _may_listen(request, visiting):
            yield b"event: ended\ndata: []\n\n"
            return
        looked = time.monotonic()
        while time.monotonic() - looked < LOOK_S and not request.app.state.ending():
            try:
                async with asyncio.timeout(0.5):
                    await listener.news.wait()
            except TimeoutError:
                continue
            spoken = time.monotonic()
            yield _event(listener, missed)
            missed = None
        if time.monotonic() - spoken >= KEEP_ALIVE_S:
            spoken = time.monotonic()
            yield b": still here\n\n"


def _event(listener: Listener, missed: str | None) -> bytes:
    """What has changed, or that we listen from now on; with `missed`, what has changed since that id."""
    first = listener.marks is None
    marks, changed = listener.taken()
    ids = {area: hashlib.sha256(mark.encode()).hexdigest()[:8] for area, mark in marks.items()}
    if first and missed:
        before = missed.split("-")
        same = dict(zip(ids, before, strict=False))
        changed = frozenset(area for area, now in ids.items() if same.get(area) != now)
    name = "changed" if changed or not first else "ready"
    told = json.dumps([area.value for area in Area if area in changed])
    return f"id: {'-'.join(ids.values())}\nevent: {name}\ndata: {told}\n\n".encode()


async def _may_listen(request: Request, visiting: Visit) -> bool:
    """Whether the session or token still lives; while the database is away nobody is sent away."""
    if visiting.way is Way.OPEN:
        return True
    try:
        callers = request.app.state.keys.callers
        return await callers.find(services_of(request), visiting.way, visiting.secret) is not None
    except SelfhealError:
        return True


async def _left(receive: Receive) -> None:
    """Until the listener goes away."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _full() -> Refusal:
    return Refusal(
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        code="TOO_MANY_LISTENERS",
        message="too many pages listen for news already",
        hint="close some; pages can be loaded again by hand",
        headers={"retry-after": "30"},
    )

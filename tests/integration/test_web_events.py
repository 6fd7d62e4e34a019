"""Live updates, on the real process: who listens hears within a second, of what they may see, as long as they may."""

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from admission_desk import HEALED, Desk
from person_fixtures import ACME
from sqlalchemy import Engine, text
from web_fixtures import Web, until

from console.web import events
from console.web.events import EventStream
from console.web.feed import MOST_OF_ONE, Feed, Listener
from selfheal.model.health import ComponentHealth, HealthStatus
from selfheal.model.identity import Identity, Role
from selfheal.model.mark import Area
from selfheal.model.mode import ActionMode, Standards
from selfheal.store.health import HealthHistory
from selfheal.store.marks import Marks
from selfheal.store.modes import Modes
from selfheal.store.pauses import Pauses
from selfheal.store.tokens import Tokens

Desks = Callable[..., Desk]


@dataclass
class Heard:
    """What one listener has heard."""

    events: list[tuple[str, list[str], str]] = field(default_factory=list)
    """Name, areas, id."""
    over: bool = False

    def names(self) -> list[str]:
        return [one[0] for one in self.events]

    def areas(self) -> set[str]:
        return {area for _, areas, _ in self.events for area in areas}


@contextmanager
def listening(client: httpx.Client, **headers: str) -> Iterator[Heard]:
    """Listen in a thread, until the end of the block."""
    heard = Heard()
    with client.stream("GET", "/events", headers=headers, timeout=httpx.Timeout(30, read=30)) as stream:
        assert stream.status_code == httpx.codes.OK
        assert stream.headers["content-type"].startswith("text/event-stream")

        def listen() -> None:
            told: dict[str, str] = {}
            try:
                for line in stream.iter_lines():
                    name, _, value = line.partition(": ")
                    if line:
                        told[name] = value
                    elif "event" in told:
                        heard.events.append((told["event"], json.loads(told["data"]), told.get("id", "")))
                        told = {}
            except httpx.HTTPError:
                pass
            heard.over = True

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        yield heard
        with suppress(OSError):  # the server may have ended it
            stream.extensions["network_stream"].get_extra_info("socket").shutdown(socket.SHUT_RDWR)  # wakes who listens
        thread.join(10)
        assert not thread.is_alive()


def test_who_listens_hears_of_each_change(web: Web, desk: Desks, owner_engine: Engine) -> None:
    """First that they listen; then each change by its area: an attempt, its end, a pause, a mode, a component."""
    with web.client() as client, listening(client) as heard:
        until(lambda: heard.names() == ["ready"], seconds=10)
        desk().past("backend", timedelta(minutes=1), HEALED)
        until(lambda: {"actions", "faults"} <= heard.areas(), seconds=10)
        Pauses(owner_engine).pause(who="ada", why="x")
        until(lambda: "standing" in heard.areas(), seconds=10)
        known = len(heard.events)
        Modes(owner_engine, Standards()).set("restart-service", ActionMode.SHADOW, who="ada", why="x")
        until(lambda: len(heard.events) > known, seconds=10)
        assert "health" not in heard.areas()
        for status in (HealthStatus.OPERATIONAL, HealthStatus.DOWN):
            known = len(heard.events)
            HealthHistory(owner_engine).record([seen("backend", status)])
            until(lambda known=known: len(heard.events) > known, seconds=10)
            assert heard.events[-1][1] == ["health"]
        known = len(heard.events)
        HealthHistory(owner_engine).record([seen("backend", HealthStatus.DOWN)])
        Pauses(owner_engine).resume(who="ada", why="x")
        until(lambda: len(heard.events) > known, seconds=10)
        assert heard.events[-1][1] == ["standing"], "the same as before is no news"
        assert set(heard.names()) == {"ready", "changed"}


def seen(component: str, status: HealthStatus) -> ComponentHealth:
    """A look at it, just now."""
    return ComponentHealth(component=component, status=status, response_ms=1, detail="", checked_at=datetime.now(UTC))


def test_who_comes_back_hears_of_what_was_missed(web: Web, owner_engine: Engine) -> None:
    """A browser that was away tells the last id it heard; what has changed since is told at once, and nothing else."""
    with web.client() as client, listening(client) as heard:
        until(lambda: heard.names() == ["ready"], seconds=10)
    last = heard.events[-1][2]
    with web.client() as client, listening(client, **{"last-event-id": last}) as same:
        until(lambda: same.names() == ["ready"], seconds=10)
    Pauses(owner_engine).pause(who="ada", why="x")
    with web.client() as client, listening(client, **{"last-event-id": last}) as back:
        until(lambda: back.events != [], seconds=10)
        assert back.events[0][:2] == ("changed", ["standing"])


def test_a_revoked_token_is_listened_to_no_more(web: Web, owner_engine: Engine) -> None:
    """The stream ends when the token or the login does, and says so."""
    secret, person = web.issue("leaver", Role.VIEWER)
    with web.process.client(secret) as client, listening(client) as heard:
        until(lambda: heard.names() == ["ready"], seconds=10)
        assert person.token is not None
        Tokens(owner_engine).revoke(person.token, "root", "left")
        until(lambda: heard.over, seconds=10)
        assert heard.names()[-1] == "ended"


def test_a_tenant_hears_of_its_own(web: Web, desk: Desks, owner_engine: Engine) -> None:
    """What happens in the estate makes no event for a tenant; an attempt of theirs does, with its fault."""
    with (
        web.client(Role.VIEWER, ACME) as client,
        listening(client) as heard,
        web.client(Role.ADMIN) as admin,
        listening(admin) as heard_all,
    ):
        until(lambda: heard.names() == heard_all.names() == ["ready"], seconds=10)
        desk().past("ours", timedelta(minutes=1), HEALED)
        until(lambda: {"actions", "faults"} <= set(heard_all.areas()), seconds=10)
        assert heard.names() == ["ready"]
        with owner_engine.begin() as connection:
            connection.execute(text("UPDATE healing_actions SET tenant_id = :tenant"), {"tenant": ACME})
        until(lambda: {"actions", "faults"} <= set(heard.areas()), seconds=10)


def test_listeners_are_bounded() -> None:
    """One person has so many places and no more; whoever leaves makes room, and without listeners nothing is read."""

    async def fill() -> None:
        feed = Feed()
        services: Any = lambda: None  # noqa: E731 - never asked: the poll has no time to begin
        ada, ben = Identity(name="ada", role=Role.VIEWER), Identity(name="ben", role=Role.VIEWER)
        places = [feed.join(services, ada) for _ in range(MOST_OF_ONE + 1)]
        assert places[-1] is None
        others = [feed.join(services, Identity(name=f"p{n}", role=Role.VIEWER)) for n in range(31)]
        assert others[-2] is not None
        assert others[-1] is feed.join(services, ben) is None
        assert isinstance(places[0], Listener)
        feed.leave(places[0])
        assert feed.join(services, ben) is not None
        for one in [*places, *others]:
            if one is not None:
                feed.leave(one)
        assert feed._task is None or len(feed._listeners) == 1

    asyncio.run(fill())


@pytest.mark.parametrize("start_fails", [False, True], ids=["does not read", "has left already"])
def test_a_listener_who_takes_nothing_gives_the_place_back(
    monkeypatch: pytest.MonkeyPatch, *, start_fails: bool
) -> None:
    """Where a send does not come to its end, or the first one fails, the stream ends and leaves at once."""
    monkeypatch.setattr(events, "PATIENCE_S", 0.05)
    left = []

    async def endless() -> Any:
        while True:
            yield b"x"

    async def never(message: Any) -> None:
        if start_fails:
            raise ConnectionResetError
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    async def still_there() -> Any:
        await asyncio.Event().wait()

    async def stream() -> None:
        async with asyncio.timeout(10):
            with suppress(ConnectionResetError):
                await EventStream(endless(), leave=lambda: left.append(True))({}, still_there, never)

    asyncio.run(stream())
    assert left == [True]


@pytest.mark.parametrize(
    ("area", "change"),
    [
        (Area.BREAKERS, "INSERT INTO circuit_breaker_state (component) VALUES ('heal:x')"),
        (
            Area.STANDING,
            """INSERT INTO maintenance_windows (scope, begins_at, ends_at, zone, who, why)
               VALUES ('estate', now(), now() + interval '1 h', 'UTC', 'ada', 'x')""",
        ),
        (
            Area.STANDING,
            "INSERT INTO storms (estate_group, quiet_at, sick) VALUES ('', now() + interval '1 h', 10)",
        ),
        (
            Area.PREDICTIONS,
            """INSERT INTO predictions (rule, component, metric, value, threshold, why)
               VALUES ('BREACH_FORETOLD', 'web', 'memory_percent', 80, 95, 'x')""",
        ),
        (
            Area.LOGS,
            "INSERT INTO system_errors (severity, message, component, signature) VALUES ('ERROR', 'x', 'web', 'a')",
        ),
        (
            Area.LOGS,
            "INSERT INTO log_positions (source, component, place, trouble) VALUES ('app', 'web', '/app.log', 'closed')",
        ),
        (
            Area.ALERTS,
            """INSERT INTO alert_silences (pattern, until, who, why)
               VALUES ('fault/*', now() + interval '1 h', 'ada', 'x')""",
        ),
        (
            Area.FAULTS,
            "INSERT INTO faults (target_key, component, trigger_type) VALUES ('a/b/c', 'c', 'SERVICE_DOWN')",
        ),
    ],
)
def test_a_change_makes_another_mark(owner_engine: Engine, area: Area, change: str) -> None:
    """What is written changes the mark of its area, and of no other; what is only read none."""
    marks = Marks(owner_engine)
    before = marks.now()
    assert marks.now() == before
    with owner_engine.begin() as connection:
        connection.execute(text(change))
    after = marks.now()
    assert {one for one in Area if before[one] != after[one]} == {area}

"""List and watch: what a Docker engine's events make the watcher look at, also after they broke off."""

import queue
from collections.abc import Collection, Iterator
from typing import Any

import pytest
from embedded_fixtures import until

from selfheal.model.errors import Transient
from selfheal.model.observation import Incarnation
from selfheal.watch.containers import Containers

pytestmark = pytest.mark.timeout(30)


class Stream:
    """Tells what is put into it; None ends it."""

    def __init__(self) -> None:
        self.told: queue.Queue[str | None] = queue.Queue()

    def __iter__(self) -> Iterator[str]:
        return iter(self.told.get, None)

    def close(self) -> None:
        self.told.put(None)


class Engine:
    """An engine of two containers whose streams a test begins and ends; `away` makes it refuse."""

    def __init__(self) -> None:
        self.lives = {name: Incarnation(pid=1, started_at=1, state="RUNNING", id=name) for name in ("a", "b")}
        self.streams: list[Stream] = []
        self.listed = 0
        self.away = False

    def changes(self) -> Stream:
        if self.away:
            raise Transient("no Docker engine answers")
        self.streams.append(Stream())
        return self.streams[-1]

    def containers(self, names: Collection[str]) -> dict[str, Incarnation]:
        self.listed += 1
        return {name: self.lives[name] for name in names}

    def container(self, name: str) -> Incarnation:
        return self.lives[name]


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def looks() -> list[str]:
    return []


@pytest.fixture
def followed(engine: Any, looks: list[str]) -> Iterator[Containers]:
    def look(component: str) -> None:
        looks.append(component)
        if component == "broken":
            raise ZeroDivisionError

    containers = Containers(engine, {"web": "a", "api": "a", "broken": "b"}, look)
    until(lambda: engine.listed == 1)
    yield containers
    containers.close()


def test_an_event_makes_every_component_of_the_container_look(
    engine: Engine, followed: Containers, looks: list[str]
) -> None:
    """Strangers are left out, and a look that breaks ends nothing."""
    for name in ("stranger", "b", "a"):
        engine.streams[0].told.put(name)
    until(lambda: looks == ["broken", "web", "api"])


def test_what_happened_while_nobody_listened_is_found(engine: Engine, followed: Containers, looks: list[str]) -> None:
    """After the stream ended and the engine was away, only what differs from the last list is looked at."""
    engine.away = True
    engine.streams[0].told.put(None)
    engine.lives["a"] = Incarnation(pid=0, started_at=1, state="EXITED", id="a")
    engine.away = False
    until(lambda: looks == ["web", "api"])
    engine.streams[-1].told.put(None)
    until(lambda: engine.listed == 3)
    assert looks == ["web", "api"]


def test_closing_ends_the_thread(engine: Engine, followed: Containers) -> None:
    """Nothing is followed any more."""
    followed.close()
    assert not followed._thread.is_alive()

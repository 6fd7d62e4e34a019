"""Process exits, seen on real child processes."""

import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from selfheal.watch.exits import Exits

pytestmark = pytest.mark.timeout(30)

PATIENCE_S = 10


class Children:
    """Real processes that live until they are killed."""

    def __init__(self) -> None:
        self._all: list[subprocess.Popen[bytes]] = []

    def start(self) -> int:
        command = [sys.executable, "-I", "-S", "-c", "input()"]
        self._all.append(subprocess.Popen(command, stdin=subprocess.PIPE))
        return self._all[-1].pid

    def kill(self, pid: int) -> None:
        next(one for one in self._all if one.pid == pid).kill()

    def end(self) -> None:
        for one in self._all:
            one.kill()
            one.communicate()


@pytest.fixture
def children() -> Iterator[Children]:
    """They are ended with the test."""
    started = Children()
    yield started
    started.end()


@pytest.fixture
def told() -> queue.SimpleQueue[str]:
    """What the callback was told, in order."""
    return queue.SimpleQueue()


@pytest.fixture
def exits(told: queue.SimpleQueue[str]) -> Iterator[Exits]:
    """Closed with the test."""
    watch = Exits(told.put)
    yield watch
    watch.close()


def test_an_exit_is_told_once_by_name(exits: Exits, children: Children, told: queue.SimpleQueue[str]) -> None:
    """Of two watched processes the one that ends is told, and only once."""
    one, two = children.start(), children.start()
    exits.watch({"one": one, "two": two})
    children.kill(one)
    assert told.get(timeout=PATIENCE_S) == "one"
    children.kill(two)
    assert told.get(timeout=PATIENCE_S) == "two"
    assert told.empty()


def test_a_process_that_ended_before_is_told_or_left_to_the_sweep(
    exits: Exits, children: Children, told: queue.SimpleQueue[str]
) -> None:
    """A zombie still has a pidfd and is told; a pid that does not exist is passed over."""
    dead, living = children.start(), children.start()
    children.kill(dead)
    exits.watch({"dead": dead, "never": 2**22 + 1, "living": living})  # above the kernel's highest pid
    assert told.get(timeout=PATIENCE_S) == "dead"
    children.kill(living)
    assert told.get(timeout=PATIENCE_S) == "living"


def test_a_new_life_replaces_the_old_one(exits: Exits, children: Children, told: queue.SimpleQueue[str]) -> None:
    """When a name has another pid, the end of the old process is no news any more and that of the new one is."""
    old, new = children.start(), children.start()
    exits.watch({"one": old})
    exits.watch({"one": new})
    children.kill(old)
    children.kill(new)
    assert told.get(timeout=PATIENCE_S) == "one"
    assert set(exits._watched) == set()
    assert told.empty()


def test_what_is_no_longer_named_is_forgotten(exits: Exits, children: Children, told: queue.SimpleQueue[str]) -> None:
    """A name that is left out is not watched any more."""
    one, two = children.start(), children.start()
    exits.watch({"one": one, "two": two})
    exits.watch({"two": two})
    children.kill(one)
    children.kill(two)
    assert told.get(timeout=PATIENCE_S) == "two"
    assert told.empty()


def test_the_same_name_can_end_again(exits: Exits, children: Children, told: queue.SimpleQueue[str]) -> None:
    """After an exit the same name is watched in its next life."""
    for _ in range(3):
        life = children.start()
        exits.watch({"one": life})
        children.kill(life)
        assert told.get(timeout=PATIENCE_S) == "one"


def test_a_callback_that_breaks_does_not_end_the_watch(children: Children) -> None:
    """The next exit is told although the first callback raised."""
    told: queue.SimpleQueue[str] = queue.SimpleQueue()

    def callback(name: str) -> None:
        told.put(name)
        if name == "one":
            raise RuntimeError("it broke")

    watch = Exits(callback)
    one, two = children.start(), children.start()
    watch.watch({"one": one, "two": two})
    children.kill(one)
    assert told.get(timeout=PATIENCE_S) == "one"
    children.kill(two)
    assert told.get(timeout=PATIENCE_S) == "two"
    watch.close()


def test_the_callback_may_change_what_is_watched(children: Children) -> None:
    """Watching the next life from within the callback neither blocks nor loses its exit."""
    lives = [children.start(), children.start()]
    told: queue.SimpleQueue[int] = queue.SimpleQueue()

    def callback(name: str) -> None:
        told.put(lives.pop(0))
        if lives:
            watch.watch({name: lives[0]})

    watch = Exits(callback)
    first, second = lives
    watch.watch({"one": first})
    children.kill(first)
    children.kill(second)
    assert [told.get(timeout=PATIENCE_S), told.get(timeout=PATIENCE_S)] == [first, second]
    watch.close()


def test_close_leaves_nothing(children: Children) -> None:
    """Closed with living, ended and forgotten processes, no thread and no file descriptor is left."""
    one, two, three = children.start(), children.start(), children.start()
    before = set(Path("/proc/self/fd").iterdir()), set(threading.enumerate())
    told: queue.SimpleQueue[str] = queue.SimpleQueue()
    watch = Exits(told.put)
    watch.watch({"one": one, "two": two, "three": three})
    children.kill(one)
    assert told.get(timeout=PATIENCE_S) == "one"
    watch.watch({"two": two})
    watch.close()
    assert (set(Path("/proc/self/fd").iterdir()), set(threading.enumerate())) == before
    assert Path(f"/proc/{two}").exists()

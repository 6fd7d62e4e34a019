"""The queue of heals: the most urgent first, and a thread of its own for CRITICAL."""

import threading
from concurrent.futures import wait

import pytest

from selfheal.model.trigger import Priority
from selfheal.watch.queue import HealQueue


def test_a_critical_heal_does_not_wait_behind_500_low_ones() -> None:
    """With every other thread taken and 500 waiting it begins at once."""
    queue, free, begun = HealQueue(3), threading.Event(), threading.Event()
    low = [queue.submit(Priority.LOW, lambda: free.wait(30) and None) for _ in range(500)]
    queue.submit(Priority.CRITICAL, begun.set).result(timeout=30)
    assert begun.is_set()
    assert not any(one.done() for one in low)
    free.set()
    queue.close()
    assert all(one.done() for one in low)
    assert sum(one.cancelled() for one in low) >= 490  # the successor raises those


def test_the_most_urgent_is_next_and_then_the_oldest() -> None:
    """What waits is taken by priority, equals in their order."""
    queue, free, order = HealQueue(1), threading.Event(), []
    running = threading.Event()

    def block() -> None:
        running.set()
        free.wait(30)

    queue.submit(Priority.HIGH, block)
    assert running.wait(30)
    waiting = [("a", Priority.LOW), ("b", Priority.HIGH), ("c", Priority.MEDIUM), ("d", Priority.HIGH)]
    submitted = [queue.submit(one, lambda name=name: order.append(name)) for name, one in waiting]  # type: ignore[misc]
    free.set()
    wait(submitted, timeout=30)
    queue.close()
    assert order == ["b", "d", "c", "a"]


def test_never_more_than_its_number_at_once() -> None:
    """Three and one CRITICAL, however many are submitted."""
    queue, lock, now, most = HealQueue(3), threading.Lock(), [0], [0]
    together = threading.Barrier(3, timeout=30)

    def work() -> None:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        together.wait()
        with lock:
            now[0] -= 1

    wait([queue.submit(Priority.MEDIUM, work) for _ in range(9)], timeout=30)
    queue.close()
    assert most[0] == 3


def test_a_heal_that_breaks_is_told_by_its_future() -> None:
    """And the thread goes on with the next."""
    queue = HealQueue(1)

    def broken() -> None:
        raise ValueError("broken")

    first, second = queue.submit(Priority.HIGH, broken), queue.submit(Priority.HIGH, lambda: None)
    with pytest.raises(ValueError, match="broken"):
        first.result(timeout=30)
    assert second.result(timeout=30) is None
    queue.close()

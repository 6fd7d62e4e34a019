"""Which waiting runs may begin when one queue has a slot of its own: Prefect's priorities do not pre-empt."""

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def within_slots(waiting: Sequence[T], *, queue_of: Callable[[T], str | None], reserved: str, free: int) -> list[T]:
    """Those that may begin: of the reserved queue all, before the others; these leave one slot free.

    Args:
        waiting: in the order in which they are to begin.
        queue_of: the queue of one.
        reserved: the queue that a slot is kept for.
        free: slots of the worker that are free now.
    """
    first = [one for one in waiting if queue_of(one) == reserved]
    others = [one for one in waiting if queue_of(one) != reserved]
    return [*first, *others[: max(free - len(first) - 1, 0)]]

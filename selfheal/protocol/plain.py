"""The steps of a heal without Prefect: the same functions, with the same retries on observing and recording."""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from selfheal.model.errors import Transient
from selfheal.ports import Clock
from selfheal.protocol import reconcile, steps
from selfheal.protocol.heal import Steps
from selfheal.protocol.healer import Healer

P = ParamSpec("P")
T = TypeVar("T")

RETRY_DELAYS_S = (0.5, 2.0, 5.0)


def plain_steps(healer: Healer) -> Steps:
    """The steps as plain functions on this healer."""

    def bound(step: Callable[..., T]) -> Callable[..., T]:
        return functools.partial(step, healer)

    def again(step: Callable[..., T]) -> Callable[..., T]:
        return retried(bound(step), healer.clock)

    return Steps(
        observe=again(steps.observe),
        admit=again(steps.admit),
        claim=again(steps.claim),
        prepare=again(steps.prepare),
        act=bound(steps.act),
        verify=again(steps.verify),
        roll_back=bound(steps.roll_back),
        record=again(steps.record),
        follow=lambda attempt_id: reconcile.follow(healer, plain_steps(healer), attempt_id),
        leases=healer.leases,
    )


def retried(step: Callable[P, T], clock: Clock) -> Callable[P, T]:
    """The step, repeated after each of `RETRY_DELAYS_S` while it raises `Transient`."""

    @functools.wraps(step)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        for delay in RETRY_DELAYS_S:
            try:
                return step(*args, **kwargs)
            except Transient:
                clock.wait(delay)
        return step(*args, **kwargs)

    return run

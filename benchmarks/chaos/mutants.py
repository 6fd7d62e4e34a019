"""Dispatchers with one promise taken out, for the tests of the checker: a checker that misses them is worth nothing."""

import os
from collections.abc import Callable, Mapping
from typing import Any

from selfheal.model.observation import Incarnation
from selfheal.protocol import holder, steps
from selfheal.protocol.healer import Healer
from selfheal.store import heals
from selfheal.store.tables import healing_actions

_LATE_S = 0.1
"""More than the clocks of the two records differ."""


def elsewhere() -> None:
    """On another host than its peers, whom nobody here can end by their pid. No mutant by itself."""
    holder._host = lambda: f"elsewhere, {os.getpid()}"  # type: ignore[assignment] # noqa: SLF001 - a mutant reaches inside


def no_fence() -> None:
    """Every write and every renewal goes by the attempt's id alone."""
    heals._held = lambda attempt_id, fence: (healing_actions.c.id == attempt_id,)  # noqa: SLF001, ARG005
    heals.Heals.renew = lambda self, held: set(held)  # type: ignore[method-assign] # noqa: ARG005


def no_look() -> None:
    """The act overlooks that its target lives another life by now."""
    Incarnation.same_life = lambda self, other: True  # type: ignore[method-assign] # noqa: ARG005


def no_intent() -> None:
    """The act comes first and is announced afterwards."""

    def act(healer: Healer, attempt: Any) -> steps.Act:
        action = healer.actions.get(attempt.action)
        said = action.commit(healer.components[attempt.component], attempt.plan)
        healer.clock.wait(_LATE_S)
        healer.store.announce_act(attempt.id, fence=attempt.fence, timeout=action.timeout)
        return steps.Act(said=said, completed=True, took_ms=0)

    steps.act = act


def limit_outside() -> None:
    """The limits are looked at in a transaction of their own, and the admission that follows knows none."""
    admit, inside = heals.Heals.admit, heals.Heals._admit  # noqa: SLF001 - a mutant reaches inside

    def looked(self: heals.Heals, trigger: Any, **asked: Any) -> Any:
        refusals = self.peek(trigger, place=asked["place"], rungs=asked["rungs"]).refusals
        return refusals[0] if refusals else admit(self, trigger, **asked)

    def unlimited(self: heals.Heals, values: Any) -> Any:
        return inside(self, values | {"at_once": 10_000})

    heals.Heals.admit = looked  # type: ignore[method-assign]
    heals.Heals._admit = unlimited  # type: ignore[method-assign] # noqa: SLF001 - the same


MUTANTS: Mapping[str, Callable[[], None]] = {
    "elsewhere": elsewhere,
    "no-fence": no_fence,
    "no-look": no_look,
    "no-intent": no_intent,
    "limit-outside": limit_outside,
}

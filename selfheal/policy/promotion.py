"""Whether an action has earned more freedom, which is proposed to a person, or less, which is done at once.

The store brings the results of the present mode, the newest last: of auto and approve verified heals, of shadow
whether the heal would have been needed. What says nothing about the action (it never acted, or its healer died) is not
among them.
"""

from collections.abc import Iterable, Sequence

from selfheal.model.mode import ActionMode, Change, Standards, Step
from selfheal.policy.intervals import wilson

_UP = {ActionMode.SHADOW: ActionMode.APPROVE, ActionMode.APPROVE: ActionMode.AUTO}
_COUNTED = {ActionMode.SHADOW: "were needed", ActionMode.APPROVE: "healed, verified"}


def stricter(modes: Iterable[str]) -> ActionMode:
    """The strictest of these: the mode in force."""
    return min((ActionMode(one) for one in modes), key=lambda one: one.rank)


def judge(mode: ActionMode, results: Sequence[bool], standards: Standards) -> Step | None:
    """One step up, one step down, or none."""
    if len(results) < standards.fewest:
        return None
    if mode is ActionMode.AUTO:
        return _down(results[-standards.fewest :], standards)
    return _up(mode, results, standards) if mode in _UP else None


def _down(results: Sequence[bool], standards: Standards) -> Step | None:
    good = sum(results)
    if good / len(results) >= standards.demote_below:
        return None
    why = f"{good} of its last {len(results)} heals were verified, less than {standards.demote_below:.0%}"
    return Step(change=Change.DEMOTED, mode=ActionMode.APPROVE, why=why)


def _up(mode: ActionMode, results: Sequence[bool], standards: Standards) -> Step | None:
    good, of = sum(results), len(results)
    low, _ = wilson(good, of)
    if low <= standards.lower_bound:
        return None
    why = f"{good} of {of} {_COUNTED[mode]} in mode {mode}: at least {low:.1%} with 95 % confidence"
    return Step(change=Change.PROPOSED, mode=_UP[mode], why=why)

"""What a run changes: predictions that begin, that hold no more, and of which it is known what became of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from selfheal.model.prediction import Facts, Foretold, Prediction, Sign
from selfheal.model.trigger import TriggerType
from selfheal.policy.settling import settle

Key = tuple[TriggerType, str, str]
_LOUD = frozenset({TriggerType.BREACH_FORETOLD, TriggerType.MEMORY_PRESSURE, TriggerType.STUCK_SOON})


def begins(signs: Sequence[Sign], standing: Sequence[Prediction]) -> Sequence[Foretold]:
    """What is said now and was not before: of each component, metric and rule one at a time."""
    said = {_key(one) for one in standing if one.ended_at is None}
    return [one.foretold for one in signs if one.foretold is not None and _key(one) not in said]


def ends(signs: Sequence[Sign], standing: Sequence[Prediction], *, now: datetime) -> Sequence[Prediction]:
    """What stands and holds no more; of what nobody has looked at now nothing is known, and it goes on to stand."""
    over = {_key(one) for one in signs if one.over}
    return [replace(one, ended_at=now) for one in standing if one.ended_at is None and _key(one) in over]


def settles(predictions: Sequence[Prediction], facts: Mapping[UUID, Facts], *, now: datetime) -> Sequence[Prediction]:
    """Those of which it is known now what became of them."""
    found = []
    for one in predictions:
        if one.outcome is None and one.id in facts:
            outcome = settle(one, facts[one.id], now=now)
            if outcome is not None:
                breached = facts[one.id].breached_at
                found.append(replace(one, outcome=outcome, settled_at=now, breached_at=breached))
    return found


def begun(foretold: Foretold, *, at: datetime, made: Callable[[], UUID]) -> Prediction:
    """The prediction that begins with it."""
    return Prediction(
        id=made(),
        rule=foretold.rule,
        component=foretold.component,
        metric=foretold.metric,
        value=foretold.value,
        threshold=foretold.threshold,
        well_below=foretold.well_below,
        raised_at=at,
        breach_at=foretold.breach_at,
        low=foretold.low,
        high=foretold.high,
        why=foretold.why,
    )


def severity(rule: TriggerType, *, may_be_healed: bool) -> str:
    """How a person is told of it; empty: not at all, for something of ours may act."""
    if may_be_healed:
        return ""
    return "WARNING" if rule in _LOUD else "INFO"


def _key(one: Sign | Prediction) -> Key:
    return one.rule, one.component, one.metric

"""The families that the database counts, and what stands in their labels: names of the settings, and nothing else."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from console.metrics.known import OTHER, Known
from selfheal.model.attempt import Status
from selfheal.model.breaker import State
from selfheal.model.sample import Sample
from selfheal.model.trigger import PREEMPTIVE

UNDER_WAY = frozenset({Status.PENDING, Status.RUNNING})
HEAL = "heal:"
Label = Callable[[Known, Sample], tuple[str, ...] | None]
"""The values of a sample's labels; None: it does not belong to the family."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """One metric.

    Attributes:
        name: of the metric; a counter's without `_total`.
        help: what it says.
        of: the samples that it is made of.
        labels: their names.
        label: their values.
        counter: whether it only rises.
    """

    name: str
    help: str
    of: str
    labels: tuple[str, ...] = ()
    label: Label = lambda _known, _one: ()
    counter: bool = False


def _ended(known: Known, one: Sample) -> tuple[str, ...] | None:
    return None if one.two in UNDER_WAY else (known.action(one.one), one.two.lower())


def _under_way(known: Known, one: Sample) -> tuple[str, ...] | None:
    return (known.action(one.one),) if one.two in UNDER_WAY else None


def _component(known: Known, one: Sample) -> tuple[str, ...]:
    return (known.component(one.one),)


def _word(_known: Known, one: Sample) -> tuple[str, ...]:
    return (one.one.lower(),)


def _rule(one: Sample) -> str:
    return one.one.lower() if one.one in PREEMPTIVE else OTHER


def _outcome(_known: Known, one: Sample) -> tuple[str, ...]:
    return (_rule(one), one.two.lower())


def _standing(_known: Known, one: Sample) -> tuple[str, ...]:
    return (_rule(one),)


def _agents(_known: Known, one: Sample) -> tuple[str, ...] | None:
    return None if one.one.startswith(HEAL) else (one.two.lower(),)


FAMILIES = (
    Family(
        name="selfheal_attempts",
        help="Attempts that have ended, by action and result.",
        of="attempts",
        labels=("action", "result"),
        label=_ended,
        counter=True,
    ),
    Family(
        name="selfheal_attempts_under_way",
        help="Attempts that wait or run now, by action.",
        of="attempts",
        labels=("action",),
        label=_under_way,
    ),
    Family(
        name="selfheal_open_faults",
        help="Open faults, by component; those of workflows and of what the settings do not name are `other`.",
        of="open_faults",
        labels=("component",),
        label=_component,
    ),
    Family(name="selfheal_faults_needing_person", help="Open faults that a person must look at.", of="needing_person"),
    Family(
        name="selfheal_missed_starts",
        help="Heals of the last 24 hours that did not begin in time.",
        of="missed_starts",
    ),
    Family(
        name="selfheal_refusals",
        help="Triggers that admission has refused, by its decision.",
        of="refusals",
        labels=("decision",),
        label=_word,
        counter=True,
    ),
    Family(name="selfheal_triggers_waiting", help="Raised triggers that nobody has answered.", of="triggers_waiting"),
    Family(name="selfheal_approvals_open", help="Questions that wait for a person's word.", of="approvals_open"),
    Family(name="selfheal_alerts_waiting", help="Alerts that no person has been told yet.", of="alerts_waiting"),
    Family(
        name="selfheal_external_alerts",
        help="Alerts of other systems that are kept, by where they stand.",
        of="external_alerts",
        labels=("state",),
        label=_word,
    ),
    Family(
        name="selfheal_agent_breakers",
        help="Circuit breakers of agents, by state.",
        of="breakers",
        labels=("state",),
        label=_agents,
    ),
    Family(
        name="selfheal_workflows",
        help="Workflows of the estate, by status.",
        of="workflows",
        labels=("status",),
        label=_word,
    ),
    Family(
        name="selfheal_predictions",
        help="Predictions of which it is known what became of them, by rule and outcome.",
        of="predictions",
        labels=("rule", "outcome"),
        label=_outcome,
        counter=True,
    ),
    Family(
        name="selfheal_predictions_standing",
        help="Predictions that stand now, by rule.",
        of="predictions_standing",
        labels=("rule",),
        label=_standing,
    ),
    Family(name="selfheal_paused", help="1 while healing is paused.", of="paused"),
    Family(name="selfheal_storms", help="Storms that hold heals back.", of="storms"),
)


def counted(samples: Sequence[Sample], known: Known) -> Iterator[Metric]:
    """Each family, its samples summed by their labels."""
    for family in FAMILIES:
        kind = CounterMetricFamily if family.counter else GaugeMetricFamily
        metric = kind(family.name, family.help, labels=family.labels)
        sums: dict[tuple[str, ...], float] = {}
        for one in samples:
            labels = family.label(known, one) if one.name == family.of else None
            if labels is not None:
                sums[labels] = sums.get(labels, 0.0) + one.value
        for labels, value in sorted(sums.items()):
            metric.add_metric(labels, value)
        yield metric
    yield _breakers(samples, known)


def _breakers(samples: Sequence[Sample], known: Known) -> Metric:
    """One series for each state, so that a panel shows it by name; an action without a breaker yet is closed."""
    states = {one.one.removeprefix(HEAL): one.two for one in samples if one.name == "breakers" and HEAL in one.one}
    metric = GaugeMetricFamily(
        "selfheal_breaker_state",
        "1 for the state of an action's circuit breaker, 0 for others.",
        labels=("action", "state"),
    )
    for action in sorted(known.actions):
        for state in State:
            metric.add_metric((action, state.value.lower()), float(states.get(action, State.CLOSED) == state.value))
    return metric

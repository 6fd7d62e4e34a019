"""The families that are no plain counts: how components are, which mechanisms run, what came of the heals."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from prometheus_client.core import GaugeMetricFamily, Metric

from selfheal.model.component import Component
from selfheal.model.health import ComponentHealth, HealthStatus, Watch
from selfheal.model.rate import Rates
from selfheal.model.turn import Mechanism, TurnState
from selfheal.policy.turns import stands
from selfheal.policy.watching import fresh, pace_of, status_now

WITHIN = timedelta(hours=24)
FIGURES: tuple[tuple[str, str, Callable[[Rates], float | None]], ...] = (
    ("selfheal_success_ratio", "Share of the attempts that healed.", lambda one: one.success.value),
    ("selfheal_time_to_recovery_seconds", "Mean, from detection to verified healed.", lambda one: one.mttr_s.value),
    ("selfheal_recurrence_ratio", "Share of the heals that recurred within a day.", lambda one: one.recurrence.value),
    ("selfheal_saved_dollars", "What was saved, by the prices of the settings.", lambda one: one.saved.value),
    ("selfheal_prevented_failures", "Failures that a breaker prevented.", lambda one: one.prevented),
)


def outcome(rates: Sequence[Rates]) -> Iterator[Metric]:
    """What came of all heals that ended within 24 hours; what cannot be told is left out."""
    total = next((one for one in rates if one.action_type is None and one.component is None), None)
    for name, said, value in FIGURES:
        metric = GaugeMetricFamily(name, f"{said} Of the last 24 hours.")
        figure = None if total is None else value(total)
        if figure is not None:
            metric.add_metric((), float(figure))
        yield metric


def components(
    latest: Sequence[ComponentHealth], known: Mapping[str, Component], *, now: datetime, sweep: timedelta
) -> Iterator[Metric]:
    """Every component of the settings; one that nobody looked at lately is unknown.

    Of one that no sweep looks at nothing is told then: nobody was to look.
    """
    seen = {one.component: one for one in latest}
    status = GaugeMetricFamily(
        "selfheal_component_status", "1 for how a component is, 0 for others.", labels=("component", "status")
    )
    took = GaugeMetricFamily(
        "selfheal_component_response_seconds", "How long its last probe took to be answered.", labels=("component",)
    )
    for name, component in sorted(known.items()):
        pace = pace_of(component, sweep)
        if not (component.watched or fresh(seen.get(name), now=now, sweep=pace)):
            continue
        found = status_now(seen.get(name), now=now, sweep=pace)
        for one in HealthStatus:
            status.add_metric((name, one.value.lower()), float(found is one))
        response = seen[name].response_ms if name in seen else None
        if response is not None:
            took.add_metric((name,), response / 1000)
    yield from (status, took)


def mechanisms(found: Sequence[Mechanism], watches: Sequence[Watch]) -> Iterator[Metric]:
    """What schedules begin, and who watches."""
    labels = ("mechanism",)
    last = GaugeMetricFamily(
        "selfheal_mechanism_last_run_timestamp_seconds", "When its newest run began, since 1970.", labels=labels
    )
    behind = GaugeMetricFamily("selfheal_mechanism_behind_seconds", "How long its next run is overdue.", labels=labels)
    state = GaugeMetricFamily(
        "selfheal_mechanism_state", "1 for how a mechanism stands, 0 for others.", labels=("mechanism", "state")
    )
    beat = GaugeMetricFamily("selfheal_watcher_beat_age_seconds", "How long ago a watcher last looked.", labels=labels)
    for one in found:
        if one.turn.began_at is not None:
            last.add_metric((one.name,), one.turn.began_at.timestamp())
        behind.add_metric((one.name,), one.behind.total_seconds())
        for each in TurnState:
            state.add_metric((one.name, each.value), float(stands(one) is each))
    for watch in watches:
        beat.add_metric((watch.mechanism,), watch.behind_s)
    yield from (last, behind, state, beat)

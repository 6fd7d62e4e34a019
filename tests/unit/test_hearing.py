"""What agent-health's messages say of NATS: never a constant UNKNOWN, and who delivers nothing is not all well."""

from dataclasses import replace
from datetime import timedelta

import pytest
from fakes import NOON

from selfheal.model.health import ComponentHealth, HealthStatus, Measured
from selfheal.model.hearing import Heard
from selfheal.model.observation import Health, Observation
from selfheal.policy.hearing import heard_of, judged, observed, row
from selfheal.watch.hearing import Hearing

HEARD = Heard(at=NOON, host="here", next_within=timedelta(minutes=2))


def look(health: Health, minutes: float = 1) -> Observation:
    return Observation(
        component="broker", health=health, detail="x", observed_at=NOON + timedelta(minutes=minutes), response_ms=1
    )


def health(status: HealthStatus, minutes: float = 1, component: str = "broker") -> ComponentHealth:
    at = NOON + timedelta(minutes=minutes)
    return ComponentHealth(component=component, status=status, response_ms=1, detail="", checked_at=at)


@pytest.mark.parametrize(
    ("seen", "minutes", "heard", "expected"),
    [
        (Health.UNKNOWN, 1, HEARD, Health.HEALTHY),
        (Health.UNKNOWN, 4.4, HEARD, Health.HEALTHY),  # one message may be missed
        (Health.UNKNOWN, 4.6, HEARD, Health.UNKNOWN),
        (Health.UNKNOWN, 1, None, Health.UNKNOWN),
        (Health.SICK, 1, HEARD, Health.SICK),
        (Health.HEALTHY, 9, HEARD, Health.HEALTHY),
    ],
)
def test_a_message_in_time_tells_where_the_look_could_not(
    seen: Health, minutes: float, heard: Heard | None, expected: Health
) -> None:
    """A broker whose look could not tell delivers all the same; a sick look stays sick."""
    assert observed(look(seen, minutes), heard).health is expected


def test_a_broker_that_delivers_nothing_is_degraded() -> None:
    """It answers, and what was promised has not come; DOWN stays DOWN, and nothing is judged by what never was."""
    late = judged(health(HealthStatus.OPERATIONAL, 5), HEARD)
    assert (late.status, late.detail) == (
        HealthStatus.DEGRADED,
        f"it answers, but nothing of agent-health has arrived since {NOON:%H:%M:%S} UTC",
    )
    assert judged(health(HealthStatus.OPERATIONAL, 4), HEARD).status is HealthStatus.OPERATIONAL
    assert judged(health(HealthStatus.DOWN, 5), HEARD).status is HealthStatus.DOWN
    assert judged(health(HealthStatus.OPERATIONAL, 5), None).status is HealthStatus.OPERATIONAL


class Ears:
    """A listener that hears what a test says."""

    def __init__(self) -> None:
        self.said: Heard | None = None
        self.calls: list[str] = []

    def start(self) -> None:
        self.calls.append("start")

    def heard(self) -> Heard | None:
        return self.said

    def close(self) -> None:
        self.calls.append("close")


def test_what_was_heard_is_kept_for_the_next_run() -> None:
    """Each message is one row, once; the run that takes over knows the last one from there."""
    ears, kept = Ears(), list[Measured]()
    hearing = Hearing(ears, components=frozenset({"broker"}), kept=lambda _: kept[-1] if kept else None)
    hearing.start()
    assert [one.health for one in hearing.observed([look(Health.UNKNOWN)])] == [Health.UNKNOWN]
    ears.said = HEARD
    assert [one.health for one in hearing.observed([look(Health.UNKNOWN)])] == [Health.HEALTHY]
    kept += hearing.rows()
    assert (kept, hearing.rows()) == ([row("broker", HEARD)], [])
    assert heard_of(kept[0]) == HEARD
    hearing.close()
    following = Hearing(Ears(), components=frozenset({"broker"}), kept=lambda _: kept[-1])
    following.start()
    following.observed([])
    well = health(HealthStatus.OPERATIONAL, 9)
    others = replace(well, component="web")
    assert [one.status for one in following.judged([well, others])] == [HealthStatus.DEGRADED, HealthStatus.OPERATIONAL]
    assert following.rows() == []
    assert ears.calls == ["start", "close"]


def test_without_ears_all_passes() -> None:
    """An estate without NATS."""
    hearing = Hearing()
    hearing.start()
    looks = [look(Health.UNKNOWN)]
    assert (hearing.observed(looks), hearing.rows()) == (looks, [])
    hearing.close()

"""From observations to a status: strikes, hysteresis, certain ends, and the whole estate."""

from collections.abc import Sequence
from random import Random

import pytest
from fakes import NOON
from hypothesis import given
from hypothesis import strategies as st

from selfheal.model.health import ComponentHealth, HealthStatus
from selfheal.model.observation import Health, Incarnation, Observation
from selfheal.policy.health import Track, advance, is_certain, overall, whole_of

DOWN, DEGRADED, UP, UNKNOWN = HealthStatus.DOWN, HealthStatus.DEGRADED, HealthStatus.OPERATIONAL, HealthStatus.UNKNOWN
limits = st.integers(1, 6)
healths = st.sampled_from(list(Health))
statuses = st.lists(st.sampled_from(list(HealthStatus)), max_size=12)


def seen(health: Health, state: str = "RUNNING") -> Observation:
    life = Incarnation(pid=0 if state == "EXITED" else 7, started_at=1, state=state)
    return Observation(component="backend", health=health, detail="", observed_at=NOON, incarnation=life)


EXIT = seen(Health.SICK, "EXITED")


def run(looks: Sequence[Health | Observation], *, strikes: int, recoveries: int, track: Track | None = None) -> Track:
    """The track after these looks."""
    track = track or Track()
    for look in looks:
        one = look if isinstance(look, Observation) else seen(look)
        track = advance(track, one, strikes=strikes, recoveries=recoveries)
    return track


@given(limits, limits)
def test_exactly_so_many_strikes_make_down(strikes: int, recoveries: int) -> None:
    """One sick look less than the limit is DEGRADED, the last one makes DOWN."""
    before = run([Health.SICK] * (strikes - 1), strikes=strikes, recoveries=recoveries)
    assert (before.down, before.status) == (False, DEGRADED if strikes > 1 else UNKNOWN)
    assert run([Health.SICK] * strikes, strikes=strikes, recoveries=recoveries).status is DOWN


@given(limits, limits, st.lists(healths, max_size=8))
def test_one_certain_end_is_down_whatever_was_before(strikes: int, recoveries: int, before: list[Health]) -> None:
    """A process that has ended needs no second look."""
    track = run([*before, EXIT], strikes=strikes, recoveries=recoveries)
    assert (track.down, track.status) == (True, DOWN)


@given(limits, limits, st.lists(healths, max_size=30))
def test_down_needs_a_row_of_sick_looks(strikes: int, recoveries: int, looks: list[Health]) -> None:
    """Whatever the sequence, the first DOWN comes with the limit's number of sick looks in a row."""
    track, row = Track(), 0
    for look in looks:
        was = track.down
        track = run([look], strikes=strikes, recoveries=recoveries, track=track)
        row = row + 1 if look is Health.SICK else 0 if look is Health.HEALTHY else row
        if track.down and not was:
            assert row == strikes


@given(limits, limits, st.lists(st.one_of(healths, st.just(EXIT)), max_size=20))
def test_unknown_changes_no_count(strikes: int, recoveries: int, looks: list[Health | Observation]) -> None:
    """Looks that could not tell, put anywhere, change nothing but the status shown at that moment."""
    stretched = [one for look in looks for one in (Health.UNKNOWN, look)]
    assert run(stretched, strikes=strikes, recoveries=recoveries) == run(looks, strikes=strikes, recoveries=recoveries)
    last = run([*looks, Health.UNKNOWN], strikes=strikes, recoveries=recoveries)
    plain = run(looks, strikes=strikes, recoveries=recoveries)
    assert last.status is UNKNOWN
    assert (last.down, last.strikes, last.recoveries) == (plain.down, plain.strikes, plain.recoveries)


@given(limits, limits)
def test_from_down_it_takes_so_many_healthy_looks(strikes: int, recoveries: int) -> None:
    """One healthy look less than the limit is still DOWN; the last one makes OPERATIONAL."""
    down = run([EXIT], strikes=strikes, recoveries=recoveries)
    almost = run([Health.HEALTHY] * (recoveries - 1), strikes=strikes, recoveries=recoveries, track=down)
    assert (almost.down, almost.status) == (True, DOWN)
    back = run([Health.HEALTHY], strikes=strikes, recoveries=recoveries, track=almost)
    assert (back.down, back.status) == (False, UP)


@given(limits, st.integers(2, 6))
def test_a_sick_look_begins_the_way_back_anew(strikes: int, recoveries: int) -> None:
    """Healthy, sick, healthy is no recovery: the count starts over."""
    looks = [EXIT, *[Health.HEALTHY] * (recoveries - 1), Health.SICK, *[Health.HEALTHY] * (recoveries - 1)]
    assert run(looks, strikes=strikes, recoveries=recoveries).status is DOWN


def test_what_was_never_down_is_up_with_one_healthy_look() -> None:
    """Hysteresis is for the way back from DOWN only."""
    assert run([Health.SICK, Health.SICK, Health.HEALTHY], strikes=3, recoveries=2).status is UP


@pytest.mark.parametrize(
    ("state", "certain"), [("EXITED", True), ("FATAL", True), ("STOPPED", True), ("RUNNING", False)]
)
def test_only_an_end_is_certain(state: str, *, certain: bool) -> None:
    """A sick answer of a process that runs is no fact, and neither is a healthy or unknown one."""
    assert is_certain(seen(Health.SICK, state)) is certain
    assert not is_certain(seen(Health.UNKNOWN, state))
    assert not is_certain(seen(Health.HEALTHY, state))
    assert not is_certain(Observation(component="x", health=Health.SICK, detail="", observed_at=NOON))


@given(statuses)
def test_overall_by_share(all_of: list[HealthStatus]) -> None:
    """All up is OPERATIONAL, at least half DEGRADED, less DOWN, and UNKNOWN only when nothing is known of any."""
    up = all_of.count(UP)
    if set(all_of) <= {UNKNOWN}:
        assert overall(all_of) is UNKNOWN
    elif up == len(all_of):
        assert overall(all_of) is UP
    else:
        assert overall(all_of) is (DEGRADED if up >= len(all_of) / 2 else DOWN)


@given(statuses, st.randoms())
def test_overall_does_not_depend_on_the_order(all_of: list[HealthStatus], random: Random) -> None:
    """The estate has no first component."""
    shuffled = all_of[:]
    random.shuffle(shuffled)
    assert overall(shuffled) is overall(all_of)


def test_the_whole_as_one_row() -> None:
    """How many are up, the overall status, and who is not up, in words; its name is no component's."""

    def one(name: str, status: HealthStatus) -> ComponentHealth:
        return ComponentHealth(component=name, status=status, response_ms=1, detail="", checked_at=NOON)

    whole = whole_of("shop", [one("a", UP), one("b", HealthStatus.DOWN)], now=NOON)
    assert (whole.component, whole.metric, whole.value) == ("estate:shop", "components_operational", 1)
    assert (whole.status, whole.detail) == (HealthStatus.DEGRADED, "b is DOWN")
    assert whole_of("shop", [one("b", HealthStatus.DOWN)], now=NOON).status is HealthStatus.DOWN
    assert whole_of("shop", [], now=NOON).status is HealthStatus.UNKNOWN

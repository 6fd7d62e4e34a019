"""What is wrong with a host, and when it is looked at again, by values alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfheal.model.health import HealthStatus
from selfheal.model.host import HostHealth, HostLimits, HostLook, Past, Usage
from selfheal.policy.host import due, judge, measured, past_of, remembered, status

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LIMITS = HostLimits()
USAGE = Usage(cpu_s=1000, cpus=2, memory_bytes=50, memory_limit_bytes=100, uptime_s=60)


def look(minutes: float = 0, *, usage: Usage = USAGE, **seen: object) -> HostLook:
    return HostLook(at=NOON + timedelta(minutes=minutes), usage=usage, **seen)  # type: ignore[arg-type]


def words(seen: HostLook, past: tuple[Past, ...] = (), limits: HostLimits = LIMITS) -> list[str]:
    return [one.message for one in judge("here", seen, past, limits).findings]


def looks(*percents: float, every: float = 2) -> list[HostHealth]:
    """One look after the other, with the processors so busy before each."""
    found: list[HostHealth] = []
    cpu_s = 1000.0
    for number, percent in enumerate(percents):
        cpu_s += percent / 100 * every * 60 * USAGE.cpus
        usage = replace(USAGE, cpu_s=cpu_s)
        found.append(judge("here", look(number * every, usage=usage), [one.past for one in found], LIMITS))
    return found


def test_a_host_that_is_well() -> None:
    """Nothing is wrong at the limits themselves."""
    at_the_limit = replace(USAGE, memory_bytes=90)
    assert words(look(usage=at_the_limit, disks={"/": 90}, round_trip_ms=500)) == []


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (look(usage=replace(USAGE, memory_bytes=91)), "memory is 91 % full (limit 90 %)"),
        (look(usage=replace(USAGE, memory_bytes=91, limited=True)), "the container's memory is 91 % full (limit 90 %)"),
        (look(disks={"/": 12, "/srv": 97.5}), "the disk of /srv is 98 % full (limit 90 %)"),
        (look(broken={"/nope": "No such file"}), "the disk of /nope cannot be told: No such file"),
        (look(round_trip_ms=501), "NATS takes 501 ms for a round trip"),
        (look(nats_error="nobody answers"), "nobody answers"),
        (look(files_error={"/R.md": "Permission denied"}), "the critical file /R.md cannot be read: Permission denied"),
    ],
)
def test_what_is_wrong_is_said_in_words(seen: HostLook, expected: str) -> None:
    """One finding each, with the figure and the limit."""
    assert words(seen) == [expected]


def test_what_does_not_work_is_down_and_what_is_full_is_degraded() -> None:
    """A slow broker and a full disk are not yet broken; a silent one and an unreadable file are."""
    of = [
        status(judge("here", one, (), LIMITS).findings)
        for one in (look(), look(round_trip_ms=900), look(nats_error="silent"), look(files_error={"/a": "no"}))
    ]
    assert of == [HealthStatus.OPERATIONAL, HealthStatus.DEGRADED, HealthStatus.DOWN, HealthStatus.DOWN]


def test_processors_are_busy_when_they_have_been_for_five_minutes() -> None:
    """Not after two or four minutes, not when there was a break; and it is over with the first quiet look."""
    found = looks(0, 85, 85, 85, 85, 10, 85)
    assert [[one.what for one in each.findings] for each in found] == [[], [], [], ["cpu"], ["cpu"], [], []]
    assert found[3].findings[0].message == "the processors are 85 % busy, for 6 min (limit 80 %)"
    assert not any(each.findings for each in looks(0, 95, 79, 95, 95, 70))


def test_a_single_long_look_counts_for_its_time() -> None:
    """After a quiet hour looks are five minutes apart: one of them tells five minutes."""
    assert [bool(one.findings) for one in looks(0, 85, every=5)] == [False, True]


def test_a_container_is_measured_by_its_quota() -> None:
    """Half a processor that is used for 85 % is busy, whatever the host has."""
    usage = replace(USAGE, cpus=0.5)
    past = (Past(at=NOON - timedelta(minutes=5), cpu_s=1000 - 0.85 * 300 * 0.5, cpu_percent=None, well=True),)
    assert words(look(usage=usage), past) == ["the processors are 85 % busy, for 5 min (limit 80 %)"]


@pytest.mark.parametrize(
    ("before", "why"),
    [
        (Past(at=NOON + timedelta(hours=1), cpu_s=900, cpu_percent=None, well=True), "the clock went back"),
        (Past(at=NOON - timedelta(seconds=1), cpu_s=0, cpu_percent=None, well=True), "the clock went forward and back"),
        (Past(at=NOON - timedelta(minutes=2), cpu_s=5000, cpu_percent=None, well=True), "the host was restarted"),
        (Past(at=NOON - timedelta(minutes=2), cpu_s=None, cpu_percent=None, well=True), "nothing was counted"),
    ],
)
def test_a_jump_tells_nothing_of_the_processors(before: Past, why: str) -> None:
    """No figure is better than a wrong one."""
    assert judge("here", look(), (before,), LIMITS).cpu_percent is None, why


def test_intervals() -> None:
    """2 minutes; 1 while something is wrong; 5 after an hour without anything wrong, and 2 again after that."""
    hour = [Past(at=NOON - timedelta(minutes=ago), cpu_s=None, cpu_percent=None, well=True) for ago in range(62, 0, -2)]
    wrong = look(disks={"/": 99})

    def minutes(seen: HostLook, past: list[Past]) -> float:
        return judge("here", seen, past, LIMITS).next_within / timedelta(minutes=1)

    assert minutes(look(), []) == 2
    assert minutes(wrong, hour) == 1
    assert minutes(look(), hour) == 5
    assert minutes(look(), hour[5:]) == 2
    assert minutes(look(), [*hour[:10], replace(hour[10], well=False), *hour[11:]]) == 2


def test_the_next_run_goes_on_where_the_last_one_ended() -> None:
    """What was written of looks tells when the next is due, and what of the processors is remembered."""
    found = looks(0, 85, 85)
    rows = [row for one in found for row in measured(one)]
    assert {row.component for row in rows} == {"host:here"}
    past = past_of(rows)
    assert past == [one.past for one in found]
    assert due(NOON + timedelta(minutes=5), past, LIMITS) == NOON + timedelta(minutes=6)
    usage = replace(USAGE, cpu_s=found[-1].look.usage.cpu_s + 0.9 * 120 * 2)
    assert [one.what for one in judge("here", look(6, usage=usage), past, LIMITS).findings] == ["cpu"]


def test_it_is_due_at_once_when_nothing_is_known_or_the_clock_went_back() -> None:
    """A clock that went back an hour does not silence it for an hour."""
    later = Past(at=NOON + timedelta(hours=1), cpu_s=1, cpu_percent=1, well=True)
    assert due(NOON, [], LIMITS) == due(NOON, [later], LIMITS) == NOON
    assert remembered([later, judge("here", look(), [later], LIMITS).past], LIMITS)[0].at == NOON


@given(st.lists(st.floats(min_value=0, max_value=100), min_size=1, max_size=12))
def test_what_is_remembered_never_changes_what_is_found(percents: list[float]) -> None:
    """Whoever only knows what is remembered of the past finds what somebody finds who knows all of it."""
    found = looks(*percents)
    past = [one.past for one in found[:-1]]
    assert judge("here", found[-1].look, remembered(past, LIMITS), LIMITS) == found[-1]

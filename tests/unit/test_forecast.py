"""The forecast of breaches: what is foretold of which series, and why nothing is."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfheal.forecast import numbers
from selfheal.forecast.buckets import in_buckets
from selfheal.forecast.forecaster import Forecaster, Outlook
from selfheal.forecast.rows import BUCKET_S, DAY, HOUR, bucket_of
from selfheal.model.forecast import Forecast, NoForecast

LIMIT = 100.0
FIRST = bucket_of(datetime(2026, 1, 5, tzinfo=UTC).timestamp())
RNG = np.random.default_rng(7)


def told(*series: np.ndarray, limit: float = LIMIT) -> tuple[list[list[int]], Outlook]:
    """When alarms of each series began, and the outlook at the end; all end together."""
    longest = max(one.size for one in series)
    table = np.stack([np.concatenate((np.full(longest - one.size, np.nan), one)) for one in series], axis=1)
    forecaster = Forecaster(np.full(len(series), limit), bucket=FIRST)
    raised: list[list[int]] = [[] for _ in series]
    for place, values in enumerate(table):
        forecaster.observe(FIRST + place, values)
        outlook = forecaster.judge()
        for number in np.flatnonzero(outlook.raised).tolist():
            raised[number].append(place - longest + series[number].size)
    return raised, outlook


def noise(size: int, deviation: float = 0.5) -> np.ndarray:
    return RNG.normal(0, deviation, size)


def a_leak(*, hours: float = 8) -> np.ndarray:
    """Two quiet days at 40, then straight up to 100 within so many hours."""
    rise = np.arange(int(hours * HOUR)) * 60 / (hours * HOUR)
    return 40 + np.concatenate((np.zeros(2 * DAY), rise)) + noise(2 * DAY + rise.size)


def teeth(*, leaks: bool) -> np.ndarray:
    """Three days under a collector; what leaks reaches the limit at the end."""
    time = np.arange(3 * DAY)
    values = 60 + 25 * (time % 10) / 10 + noise(time.size, 0.2)
    return values + np.maximum(0, time - 2 * DAY) * 0.06 * leaks


def restarted() -> np.ndarray:
    """Five days of a leak that is restarted at 95 twice a day."""
    time = np.arange(5 * DAY)
    return (30 + 65 * (time % 144) / 144 + noise(time.size, 0.3))[:-10]


def jumped() -> np.ndarray:
    values = 40 + noise(3 * DAY)
    values[2 * DAY :] += 45
    return values


def mornings() -> np.ndarray:
    """Six days that rise to 95 each."""
    time = np.arange(6 * DAY)
    return 50 + 45 * np.sin(np.pi * (time % DAY) / DAY) ** 4 + noise(time.size, 0.8)


def coarse() -> np.ndarray:
    values = a_leak()
    values[np.arange(values.size) % 3 > 0] = np.nan
    return values


def hourly() -> np.ndarray:
    """Half a day to the limit, of which every twelfth value is measured."""
    values = a_leak(hours=12)
    values[np.arange(values.size) % 12 > 0] = np.nan
    return values


def first_hours(*, left: int = 0) -> np.ndarray:
    """Five quiet hours, then straight up within three; cut so many buckets before it reaches the limit."""
    rise = np.arange(3 * HOUR + 3) * 60 / (3 * HOUR)
    values = 40 + np.concatenate((np.zeros(5 * HOUR), rise)) + noise(8 * HOUR + 3, 0.3)
    return values[: 8 * HOUR - left] if left else values


def begun_still() -> np.ndarray:
    """The same value for a day, then a leak with noise."""
    return np.concatenate((np.full(DAY, 30.0), a_leak()))


def in_steps() -> np.ndarray:
    """Connections out of ten: two for two days, then one more every hour that is never given back."""
    return np.concatenate((np.full(2 * DAY, 20.0), 20 + 10 * np.arange(8).repeat(HOUR)))


SHOWN = {
    "leak": a_leak(),
    "short": a_leak(hours=3),
    "coarse": coarse(),
    "hourly": hourly(),
    "first-hours": first_hours(),
    "first-day": first_hours(left=20),
    "begun-still": begun_still(),
    "in-steps": in_steps(),
    "teeth": teeth(leaks=False),
    "leaking-teeth": teeth(leaks=True),
    "restarted": restarted(),
    "jumped": jumped(),
    "mornings": mornings(),
    "empty": np.full(2 * DAY, np.nan),
    "infinite": np.full(2 * DAY, np.inf),
    "one": np.concatenate((np.full(DAY, np.nan), [50.0], np.full(6, np.nan))),
    "constant": np.full(2 * DAY, 50.0),
    "constant-near": np.full(2 * DAY, 99.999),
    "young": 40 + noise(30),
    "stale": np.concatenate((40 + noise(2 * DAY), np.full(2 * HOUR, np.nan))),
    "over": 120 + noise(2 * DAY),
    "falling": 90 - np.arange(2 * DAY) * 0.1 + noise(2 * DAY, 0.05),
}


@pytest.fixture(scope="module")
def shown() -> tuple[dict[str, list[int]], dict[str, Forecast]]:
    """All of the above beside each other: when alarms began, and the forecast at the end."""
    raised, outlook = told(*SHOWN.values())
    names = list(SHOWN)
    return dict(zip(names, raised, strict=True)), {name: outlook.forecast(names.index(name)) for name in names}


Shown = tuple[dict[str, list[int]], dict[str, Forecast]]


@pytest.mark.parametrize(
    ("name", "least_h"),
    [
        ("leak", 1.5),
        ("short", 1.0),
        ("coarse", 1.0),
        ("hourly", 0.9),
        ("first-hours", 0.25),
        ("leaking-teeth", 1.0),
        ("begun-still", 1.0),
        ("in-steps", 1.0),
    ],
)
def test_a_leak_is_foretold_in_time(shown: Shown, name: str, least_h: float) -> None:
    """One alarm one to three and a half hours before: of young rises, coarse samples, teeth and whole numbers too.

    Of values that come once an hour it is about one, in the first hours of a record half of one.
    """
    (raised,) = shown[0][name]
    reached = np.flatnonzero(SHOWN[name] >= LIMIT)
    breach = int(reached[0]) if reached.size else SHOWN[name].size
    assert least_h * HOUR <= breach - raised <= 3.5 * HOUR


@pytest.mark.parametrize("name", ["teeth", "jumped", "mornings"])
def test_what_is_usual_raises_no_alarm(shown: Shown, name: str) -> None:
    """Teeth that stay below, a level that jumps, and mornings, once it has seen two days."""
    assert [place for place in shown[0][name] if place > 2 * DAY] == []


def test_a_leak_that_is_always_restarted_below_the_limit_is_known_ground(shown: Shown) -> None:
    """From the third time on it is expected to turn where it has turned before."""
    assert all(place < 2 * 144 + DAY for place in shown[0]["restarted"])
    assert shown[1]["restarted"].why_not is NoForecast.KNOWN


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("empty", NoForecast.EMPTY),
        ("infinite", NoForecast.EMPTY),
        ("one", NoForecast.ONE),
        ("constant", NoForecast.CONSTANT),
        ("constant-near", NoForecast.CONSTANT),
        ("young", NoForecast.YOUNG),
        ("first-day", NoForecast.FIRST_DAY),
        ("stale", NoForecast.STALE),
        ("over", NoForecast.OVER),
        ("falling", NoForecast.AWAY),
    ],
)
def test_what_cannot_be_foretold_says_why(shown: Shown, name: str, why: NoForecast) -> None:
    """No exception, no alarm, and the reason."""
    found = shown[1][name]
    assert (shown[0][name], found.why_not, found.breach_at, found.low, found.high) == ([], why, None, None, None)


def test_a_forecast_carries_times() -> None:
    """The value for people counts from the end of its bucket, in UTC, and its interval holds the breach."""
    values = a_leak()
    newest = Forecaster.of(values[: -HOUR - 6, None], np.array([LIMIT]), bucket=FIRST)
    for place in range(values.size - HOUR - 6, values.size - HOUR):
        newest.observe(FIRST + place, values[place : place + 1])
        outlook = newest.judge()
    found = outlook.forecast(0)
    assert found.at == datetime(2026, 1, 5, tzinfo=UTC) + timedelta(minutes=5) * (values.size - HOUR)
    assert found.breach_at is not None
    assert found.low is not None
    assert found.high is not None
    assert found.low <= found.breach_at <= found.high
    assert found.low <= found.at + timedelta(hours=1) <= found.high
    assert (found.alarm, found.why_not) == (True, None)
    assert found.votes >= numbers.NEED


def test_a_heal_begins_the_history_again() -> None:
    """The alarm ends, and the same series is foretold again when it rises again."""
    forecaster = Forecaster(np.array([LIMIT]), bucket=0)
    values = a_leak()
    for place, value in enumerate(values[:-6]):
        forecaster.observe(place, np.array([value]))
        alarm = place > values.size - 3 * HOUR and forecaster.judge().alarm[0]
    assert alarm
    forecaster.healed(np.array([True]))
    raised = []
    for place, value in enumerate(values[-10 * HOUR :], start=values.size):
        forecaster.observe(place, np.array([value]))
        outlook = forecaster.judge()
        raised += [place] if outlook.raised[0] else []
    assert len(raised) == 1


def test_a_limit_that_is_no_number_says_so() -> None:
    """NaN is no limit."""
    raised, outlook = told(a_leak()[-HOUR:], limit=float("nan"))
    assert (raised, outlook.forecast(0).why_not) == ([[]], NoForecast.LIMIT)


WILD = st.lists(
    st.one_of(
        st.floats(allow_nan=True, allow_infinity=True),
        st.sampled_from([0.0, -0.0, 1e308, -1e308, 5e-324, 50.0, 99.0, 100.0]),
    ),
    max_size=24,
)


@given(WILD, st.integers(1, 14))
@settings(max_examples=20, deadline=None)
def test_no_series_makes_it_fail(values: list[float], gap: int) -> None:
    """Whatever comes, with whatever gaps: an outlook with a time or a reason, never both, never an exception."""
    forecaster = Forecaster(np.array([LIMIT, LIMIT]), bucket=0)
    for place, value in enumerate(values):
        forecaster.observe(DAY + place * gap, np.array([value, 50.0]))
    outlook = forecaster.judge()
    for series in range(2):
        found = outlook.forecast(series)
        assert (found.breach_at is None) == (found.why_not is not None)


@given(st.integers(0, 2**32 - 1), st.integers(1, 2 * DAY))
@settings(max_examples=5, deadline=None)
def test_neither_the_future_nor_the_neighbours_matter(seed: int, until: int) -> None:
    """The outlook is that of the series alone, cut at that bucket."""
    rng = np.random.default_rng(seed)
    table = 60 + np.cumsum(rng.normal(0, 0.7, (2 * DAY, 3)), axis=0)
    limits = np.full(3, 110.0)
    alone = Forecaster.of(table[:until, :1], limits[:1], bucket=0).judge()
    together = Forecaster.of(table[:until], limits, bucket=0).judge()
    np.testing.assert_array_equal(alone.reach, together.reach[:1])
    np.testing.assert_array_equal(alone.reason, together.reason[:1])


def test_an_old_bucket_changes_nothing() -> None:
    """Values that come late, or a clock that was set back, are left out."""
    values = a_leak()
    forecaster = Forecaster.of(values[:, None], np.array([LIMIT]), bucket=0)
    before = forecaster.judge()
    forecaster.observe(10, np.array([1e9]))
    assert forecaster.judge().reach[0] == before.reach[0]


def test_points_become_buckets() -> None:
    """The highest value of each 5 minutes; what is no number is counted and left out."""
    found = in_buckets(np.array([0.0, 60, 240, 300, np.nan, 900]), np.array([1.0, 3, 2, np.nan, 5, 7]))
    assert found.buckets.tolist() == [0, 3]
    assert found.values.tolist() == [3, 7]
    assert found.places.tolist() == [2, 5]
    assert (found.left_out, found.set_back) == (2, 0)


def test_a_late_point_counts_when_it_comes() -> None:
    """What is known is known: it cannot change an earlier bucket."""
    found = in_buckets(np.array([0.0, 300, 290]), np.array([1.0, 2, 9]))
    assert (found.buckets.tolist(), found.values.tolist()) == ([0, 1], [1, 9])


def test_points_in_no_order_are_sorted() -> None:
    """Every tenth is three too early in a file: nobody set a clock, and the series is that of the sorted points."""
    times = np.arange(400.0) * 900
    mixed = np.arange(400)
    mixed[:-4:10], mixed[3:-1:10] = mixed[3:-1:10].copy(), mixed[:-4:10].copy()
    found, expected = in_buckets(times[mixed], times[mixed]), in_buckets(times, times)
    assert found.buckets.tolist() == expected.buckets.tolist()
    assert found.values.tolist() == expected.values.tolist()
    assert times[mixed][found.places].tolist() == times.tolist()
    assert (found.sorted, found.set_back, expected.sorted) == (True, 0, False)


def test_one_point_that_comes_late_sets_no_clock() -> None:
    """The clock is where it was behind it: nothing after it is moved."""
    times = np.array([0.0, 900, 2700, 1800, 3600, 4500])
    found = in_buckets(times, np.arange(6.0))
    assert found.buckets.tolist() == [0, 3, 9, 12, 15]
    assert (found.values.tolist(), found.set_back) == ([0, 1, 3, 4, 5], 0)


def test_a_clock_that_goes_back_does_not_stop_time() -> None:
    """The series goes on one usual step later, and its own clock is told."""
    times = np.array([0.0, 300, 600, 900, -3600, -3300])
    found = in_buckets(times, np.arange(6.0))
    assert found.buckets.tolist() == [0, 1, 2, 3, 4, 5]
    assert found.last_s.tolist() == times.tolist()
    assert found.set_back == 1


def test_a_series_that_runs_backwards_is_one_moment() -> None:
    """Nothing can be told of it, and nothing fails."""
    found = in_buckets(np.arange(1000.0)[::-1] * BUCKET_S, np.arange(1000.0))
    assert found.buckets.size == 1
    assert found.set_back > 0


def test_no_points_are_no_buckets() -> None:
    """An empty file is an empty series."""
    assert in_buckets(np.empty(0), np.empty(0)).buckets.size == 0

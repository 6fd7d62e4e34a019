"""The rules that foretell: whatever the values, never an exception; what lasted begins, what lasted ends."""

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uuid6 import uuid7

from selfheal.model.forecast import Forecast
from selfheal.model.prediction import Facts, Foretold, Outcome, Prediction, Rules, Sign
from selfheal.model.trigger import PREEMPTIVE, Priority, TriggerType
from selfheal.policy.foretelling import (
    breach,
    errors_sustained,
    gone,
    limit_of,
    memory_pressure,
    response_rising,
)
from selfheal.policy.foretold_changes import begins, begun, ends, settles, severity
from selfheal.policy.settling import LATEST, LONGEST, SOONEST, settle

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
RULES = Rules()
NAME = ("backend", "memory_percent")
anything = st.one_of(st.floats(), st.sampled_from([0.0, -0.0, 1e308, -1e308, 5e-324, math.inf, -math.inf, math.nan]))
moments = st.one_of(st.none(), st.timedeltas(timedelta(hours=-30), timedelta(hours=60)).map(lambda one: NOON + one))


def forecast(**values: Any) -> Forecast:
    told = {"at": NOON, "breach_at": NOON + timedelta(hours=1), "low": NOON, "high": NOON + timedelta(hours=2)}
    return Forecast(**{**told, "votes": 3, "alarm": True, "raised": True, "why_not": None, **values})


@given(value=anything, limit=anything, told=st.booleans(), alarm=st.booleans(), begun=st.booleans())
def test_a_breach_is_foretold_of_what_is_below_its_limit_only(
    *, value: float, limit: float, told: bool, alarm: bool, begun: bool
) -> None:
    """And only where the alarm begins, stands and has a time; without an alarm what was said is over."""
    seen = forecast(alarm=alarm) if told else forecast(alarm=alarm, breach_at=None, low=None, high=None)
    sign = breach(NAME, value=value, limit=limit, forecast=seen, begun=begun, rules=RULES)
    assert (sign.foretold is not None) == (value < limit and told and alarm and begun)
    assert sign.over == (not alarm)


def test_what_lies_beyond_the_horizon_is_not_foretold() -> None:
    """The settings say how far; a little more is given to the patience of an alarm."""
    for hours, foretold in ((2, True), (2.2, True), (2.3, False)):
        seen = forecast(breach_at=NOON + timedelta(hours=hours))
        sign = breach(NAME, value=50, limit=95, forecast=seen, begun=True, rules=RULES)
        assert (sign.foretold is not None) == foretold


@given(lows=st.dictionaries(st.integers(80, 104), st.tuples(anything, anything)))
def test_memory_pressure_needs_every_bucket(lows: dict[int, tuple[float, float]]) -> None:
    """Three in a row, all of them above the mark and none unknown; it never begins and ends at once."""
    sign = memory_pressure(NAME, lows, RULES, bucket=100, limit=95)
    three = [lows.get(bucket, (math.nan, math.nan))[0] for bucket in (98, 99, 100)]
    newest, highest = lows.get(100, (math.nan, math.nan))
    below = (highest if math.isfinite(highest) else newest) < 95
    assert (sign.foretold is not None) == (below and all(math.isfinite(one) and one > 85 for one in three))
    assert not (sign.foretold and sign.over)


@pytest.mark.parametrize(
    ("before", "lives"),
    [
        ([90.0] * 7, True),
        ([90.0, 90.0, 90.0, 40.0, 40.0], True),
        ([90.0, 90.0, 40.0, 40.0], False),
        ([90.0, 90.0], False),
        ([90.0, math.nan, 90.0, math.nan], False),
        ([], False),
    ],
)
def test_what_lives_above_the_mark_is_left_alone(before: list[float], lives: bool) -> None:  # noqa: FBT001 - a case
    """Most of at least three days before at this hour: a cache that is full is no leak, and what stood ends."""
    lows = {98: (88.0, 90.0), 99: (88.0, 90.0), 100: (88.0, 90.0)}
    sign = memory_pressure(NAME, lows, RULES, bucket=100, limit=95, before=before)
    assert (sign.foretold is None, sign.over) == (lives, lives)


def test_memory_pressure_ends_below_the_mark_or_in_silence() -> None:
    """A look above it goes on; an hour without any is the end."""
    for newest, over in (((80.0, 84.0), True), ((80.0, 86.0), False), ((86.0, 90.0), False)):
        assert memory_pressure(NAME, {99: (86.0, 90.0), 100: newest}, RULES, bucket=100, limit=95).over == over
    assert not memory_pressure(NAME, {90: (86.0, 90.0)}, RULES, bucket=100, limit=95).over
    assert memory_pressure(NAME, {88: (86.0, 90.0)}, RULES, bucket=100, limit=95).over


levels = st.lists(st.lists(anything, max_size=9), max_size=4)


@given(days=levels, highest=anything)
def test_response_times_of_any_kind_break_nothing(days: Sequence[Sequence[float]], highest: float) -> None:
    """Nothing, NaN, infinite, too few days: no exception; what begins has a finite reason."""
    sign = response_rising(("backend", "response_time_ms"), days, RULES, limit=2000, highest=highest)
    assert not (sign.foretold and sign.over)
    if sign.foretold is not None:
        assert math.isfinite(sign.foretold.value)
        assert math.isfinite(sign.foretold.well_below)
        assert 0 < len(sign.foretold.why) < 500


@pytest.mark.parametrize(
    ("now", "days", "highest", "rises"),
    [
        (125, [100, 101, 99, 102, 100], 110, True),
        (119, [100, 101, 99, 102, 100], 110, False),  # less than 20 % more
        (125, [100, 130, 99, 131, 100], 110, False),  # its days differ by as much
        (125, [100, 101, 99, 102, 100], 126, False),  # it was as high within three days
        (125, [100, 101, 99, 102, 100], -math.inf, False),  # nobody knows how high it was
        (125, [100, 101, 99], 110, False),  # too few days are known
        (125, [100, 101, 99, 102, 100, 101, 124], 110, False),  # a week ago it was as high
        (125, [100, 101, 99, 102, 100, 101, 90], 110, True),
        (2, [1, 1, 1, 1, 1], 1, False),  # of 1 ms
        (7, [1, 1, 1, 1, 1], 1, True),
        (math.inf, [100, 101, 99, 102, 100], 110, False),
    ],
)
def test_what_a_rising_response_time_is(now: float, days: list[float], highest: float, *, rises: bool) -> None:
    """In each of three buckets; one that does not rise in all of them neither begins nor ends."""
    name = ("backend", "response_time_ms")
    sign = response_rising(name, [[now, *days]] * 3, RULES, limit=2000, highest=highest)
    assert (sign.foretold is not None) == rises
    calm = [days[0], *days]
    wavering = response_rising(name, [calm, [now, *days], [now, *days]], RULES, limit=2000, highest=highest)
    assert wavering.foretold is None
    assert not (rises and wavering.over)


@given(errors=st.lists(st.integers(0, 2**60), max_size=6), most=st.one_of(st.none(), st.floats(0.1, 1e9)))
def test_errors_are_sustained_in_each_hour(errors: list[int], most: float | None) -> None:
    """More than so many in each of two; over with an hour that had no more."""
    sign = errors_sustained("backend", errors, RULES, limit=most)
    limit = 10 if most is None else most
    assert (sign.foretold is not None) == (len(errors) >= 2 and all(one > limit for one in errors[:2]))
    assert sign.over == (not errors or errors[0] <= limit)


def test_what_has_a_limit() -> None:
    """Memory and response of components, memory and disk of hosts, and what the settings name besides."""
    found = {
        name: limit_of(
            name, RULES, timeouts={"a": timedelta(seconds=2)}, own={"a": {"depth": 7}, "x": {"disk_percent": 1}}
        )
        for name in (
            ("a", "memory_percent"),
            ("a", "response_time_ms"),
            ("a", "disk_percent"),
            ("a", "depth"),
            ("x", "disk_percent"),
            ("x", "memory_percent"),
            ("host:h", "memory_percent"),
            ("host:h", "disk_percent"),
            ("host:h", "response_time_ms"),
            ("estate:e", "response_time_ms"),
        )
    }
    assert list(found.values()) == [95, 2000, None, 7, 1, None, 95, 95, None, None]


def prediction(**values: Any) -> Prediction:
    """A memory breach foretold for one hour after noon."""
    told: dict[str, Any] = {
        "id": uuid7(),
        "rule": TriggerType.BREACH_FORETOLD,
        "component": NAME[0],
        "metric": NAME[1],
        "value": 80,
        "threshold": 95,
        "raised_at": NOON,
        "breach_at": NOON + timedelta(hours=1),
        "low": NOON + timedelta(minutes=50),
        "high": NOON + timedelta(hours=2),
        "why": "it rises",
    }
    return Prediction(**{**told, **values})


@given(
    breached=moments,
    helped=moments,
    healed=moments,
    well=st.booleans(),
    seen=st.booleans(),
    moved_on=st.booleans(),
    now=st.timedeltas(timedelta(0), timedelta(hours=60)),
    timed=st.booleans(),
)
def test_every_prediction_is_settled_once_and_for_good(
    *,
    breached: datetime | None,
    helped: datetime | None,
    healed: datetime | None,
    well: bool,
    seen: bool,
    moved_on: bool,
    now: timedelta,
    timed: bool,
) -> None:
    """After a day and the margin at the latest; a hit is a breach within six hours, and only a heal prevents."""
    facts = Facts(breached_at=breached, helped_at=helped, healed_at=healed, well=well, seen=seen, moved_on=moved_on)
    one = prediction() if timed else prediction(breach_at=None, low=None, high=None)
    outcome = settle(one, facts, now=NOON + now)
    if now >= LONGEST:
        assert outcome is not None
    if outcome in {Outcome.HIT, Outcome.EARLY}:
        assert breached is not None
        assert breached >= NOON
        assert (breached - NOON <= LATEST) == (outcome is Outcome.HIT)
    if outcome is Outcome.PREVENTED:
        assert helped is not None
        assert well
    if outcome is Outcome.MISS:
        assert breached is None or breached < NOON or breached - NOON > LONGEST
    if outcome is Outcome.UNKNOWN:
        assert healed is not None or not seen


@pytest.mark.parametrize(
    ("facts", "minutes", "outcome"),
    [
        (Facts(), 23 * 60, None),
        (Facts(), 24 * 60, Outcome.MISS),
        (Facts(seen=False), 24 * 60, Outcome.UNKNOWN),
        (Facts(breached_at=NOON + SOONEST), 10, Outcome.HIT),
        (Facts(breached_at=NOON + LATEST), 360, Outcome.HIT),
        (Facts(breached_at=NOON + LATEST + SOONEST), 380, Outcome.EARLY),
        (Facts(breached_at=NOON + LONGEST + SOONEST), 25 * 60, Outcome.MISS),
        (Facts(helped_at=NOON, well=True), 179, None),
        (Facts(helped_at=NOON, well=True), 180, Outcome.PREVENTED),
        (Facts(helped_at=NOON, well=False), 180, None),
        (Facts(helped_at=NOON, well=True, breached_at=NOON + LATEST), 360, Outcome.HIT),
        (Facts(healed_at=NOON), 180, Outcome.UNKNOWN),
        (Facts(healed_at=NOON, breached_at=NOON + LATEST), 360, Outcome.UNKNOWN),
        (Facts(moved_on=True), 1, Outcome.MISS),
        (Facts(moved_on=True, helped_at=NOON, well=True), 1, Outcome.PREVENTED),
    ],
)
def test_the_outcomes(facts: Facts, minutes: int, outcome: Outcome | None) -> None:
    """One by one, at their edges."""
    assert settle(prediction(), facts, now=NOON + timedelta(minutes=minutes)) == outcome


def sign(rule: TriggerType, *, begin: bool = False, over: bool = False) -> Sign:
    foretold = Foretold(
        rule=rule,
        component=NAME[0],
        metric=NAME[1],
        value=80,
        threshold=95,
        well_below=85,
        priority=Priority.HIGH,
        why="it rises",
    )
    return Sign(rule=rule, component=NAME[0], metric=NAME[1], foretold=foretold if begin else None, over=over)


def test_one_stands_for_each_metric_and_rule() -> None:
    """What stands is not said again, also where it is settled; what has ended may begin again; the silent goes on."""
    one = prediction()
    for standing, count in (
        ([], 1),
        ([one], 0),
        ([replace(one, outcome=Outcome.HIT, settled_at=NOON)], 0),
        ([replace(one, ended_at=NOON)], 1),
        ([replace(one, rule=TriggerType.MEMORY_PRESSURE)], 1),
    ):
        assert len(begins([sign(one.rule, begin=True)], standing)) == count
    assert ends([], [one], now=NOON) == []
    assert ends([sign(TriggerType.MEMORY_PRESSURE, over=True)], [one], now=NOON) == []
    assert ends([sign(one.rule, over=True)], [one], now=NOON) == [replace(one, ended_at=NOON)]
    assert [one.over for one in gone([one], [])] == [True]
    assert gone([one], [NAME]) == []


def test_what_nobody_knows_anything_of_is_not_settled() -> None:
    """A prediction without facts, and one that has its outcome, stay as they are."""
    one = prediction()
    later = NOON + timedelta(days=3)
    assert settles([one], {}, now=later) == []
    assert settles([replace(one, outcome=Outcome.HIT)], {one.id: Facts()}, now=later) == []
    (found,) = settles([one], {one.id: Facts()}, now=later)
    assert (found.outcome, found.settled_at) == (Outcome.MISS, later)


def test_what_begins_is_what_was_foretold() -> None:
    """Field by field; people are told loudly of what breaks, quietly of what may, and not where something acts."""
    told = sign(TriggerType.BREACH_FORETOLD, begin=True).foretold
    assert told is not None
    one = begun(told, at=NOON, made=lambda: UUID(int=7))
    assert (one.id, one.raised_at, one.value, one.threshold, one.well_below) == (UUID(int=7), NOON, 80, 95, 85)
    assert one.stands
    loud = {rule: severity(rule, may_be_healed=False) for rule in PREEMPTIVE}
    assert {rule for rule, word in loud.items() if word == "INFO"} == {
        TriggerType.RESPONSE_RISING,
        TriggerType.ERRORS_SUSTAINED,
    }
    assert {severity(rule, may_be_healed=True) for rule in PREEMPTIVE} == {""}

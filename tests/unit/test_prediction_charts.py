"""Predictions as pictures and words, whatever the numbers are."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

from hypothesis import given, settings
from hypothesis import strategies as st
from test_prediction_words import MINUTE, NOW, prediction

from console import prediction_chart as text
from console.dashboard import prediction_chart as picture
from selfheal.model.prediction import Outcome, Prediction
from selfheal.model.prediction_report import Answer, Point, PredictionStory, Series
from selfheal.policy import prediction_words as words
from selfheal.policy.prediction_series import MOST, STRETCH, span_of, stretch_of
from selfheal.policy.prediction_story import said

FIRST = datetime(1970, 1, 2, tzinfo=UTC)
LAST = datetime(9999, 12, 30, tzinfo=UTC)
anything = st.floats()
times = st.one_of(
    st.datetimes(min_value=FIRST.replace(tzinfo=None), max_value=LAST.replace(tzinfo=None), timezones=st.just(UTC)),
    st.timedeltas(-timedelta(days=2), timedelta(days=2)).map(lambda one: NOW + one),
)
values = st.lists(st.tuples(st.floats(allow_nan=False, allow_infinity=False), st.integers(0, MOST)), max_size=30)


def story(told: Prediction, points: Sequence[tuple[float, int]] = ()) -> PredictionStory:
    """With points of these values, so many stretches after the beginning."""
    since, until = span_of(told, NOW)
    stretch = stretch_of(since, until)
    places = {place: value for value, place in points}
    found = [
        Point(at=since + place * min(stretch, timedelta(hours=1)), min=value, max=value, mean=value)
        for place, value in sorted(places.items())
    ]
    return PredictionStory(
        prediction=told,
        series=Series(since=since, until=until, stretch=stretch, points=found),
        answer=Answer(),
        heals=(),
    )


@settings(deadline=None)
@given(
    value=anything,
    limit=anything,
    raised=times,
    ends=st.lists(st.none() | times, min_size=4, max_size=4),
    points=values,
)
def test_any_numbers_make_a_picture(
    value: float, limit: float, raised: datetime, ends: list[datetime | None], points: list[tuple[float, int]]
) -> None:
    """Huge, negative, equal, none at all, no numbers, any times: well-formed SVG within its frame, and a text chart."""
    breach, low, high, breached = ends
    told = prediction(
        value=value, threshold=limit, raised_at=raised, breach_at=breach, low=low, high=high, breached_at=breached
    )
    shown = story(told, points)
    svg = str(picture.charts(shown, said(shown, NOW)))
    ET.fromstring(svg.join(("<i>", "</i>")))  # noqa: S314 - our own
    assert not {"nan", "inf"} & set(re.findall(r"[a-z]+", " ".join(re.findall(r' (?:d|x|y|width)="([^"]*)"', svg))))
    numbers = [float(one) for path in re.findall(r' d="([^"]*)"', svg) for one in re.findall(r"-?\d+\.\d", path)]
    assert all(-20 <= one <= max(picture.WIDE) for one in numbers)
    assert all(len(line) <= 100 for line in text.chart(shown))
    assert len(text.chart(shown)) == text.HEIGHT + 4
    assert svg.count("<path") < 300
    assert words.headline(told, NOW)


def test_the_picture_says_what_it_shows() -> None:
    """Title and description in words; limit, alarm, foretold moment, interval and breach where they are known."""
    plain = story(prediction(), [(50, 0), (60, 1), (55, 100)])
    svg = str(picture.chart(plain, said(plain, NOW), picture.WIDE, "w"))
    for part in (
        '<title id="wt">memory_percent of backend',
        'class="interval"',
        'class="limit"',
        "alarm 11:30",
        "foretold 13:10",
    ):
        assert part in svg, part
    assert "breach-mark" not in svg
    assert "between 50 % and 60 %" in svg
    assert "will reach 95 % in 1 h 10 min" in svg
    came = story(
        prediction(outcome=Outcome.HIT, breached_at=NOW - 5 * MINUTE, settled_at=NOW, breach_at=None, low=None)
    )
    svg = str(picture.chart(came, said(came, NOW), picture.NARROW, "n"))
    assert "breach-mark" in svg
    assert "Nothing was measured" in svg
    assert {"interval", "foretold"} & set(re.findall(r'class="(\w+)"', svg)) == set()


def test_a_gap_breaks_the_line() -> None:
    """What follows after more than one missing value is drawn apart; one value alone is still seen."""
    shown = story(prediction(), [(50, 0), (51, 1), (52, 3), (53, 9), (54, 30), (55, 31)])
    assert [len(run) for run in picture.runs(shown.series.points, STRETCH)] == [3, 1, 2]
    assert str(picture.chart(shown, "", picture.WIDE, "w")).count('class="line"') == 3

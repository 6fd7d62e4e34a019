"""One prediction told in sentences, for who does not see its picture."""

from collections.abc import Iterator
from datetime import datetime

from selfheal.model.prediction_report import PredictionStory
from selfheal.policy.prediction_words import figure, headline


def said(story: PredictionStory, now: datetime) -> str:
    """What the picture shows, in a few sentences; times in UTC."""
    return " ".join(f"{one}." for one in _sentences(story, now))


def _sentences(story: PredictionStory, now: datetime) -> Iterator[str]:
    told, points = story.prediction, story.series.points
    if points:
        least, most = min(points, key=lambda one: one.min), max(points, key=lambda one: one.max)
        yield (
            f"From {points[0].at:%d %b %H:%M} to {points[-1].at:%d %b %H:%M} UTC {told.metric} of {told.component} "
            f"was between {figure(least.min, told.metric)} and {figure(most.max, told.metric)}, "
            f"the highest at {most.at:%H:%M}"
        )
    else:
        yield f"Nothing was measured of {told.metric} of {told.component} in this time"
    yield f"The limit is {figure(told.threshold, told.metric)}"
    yield f"The alarm came {told.raised_at:%d %b %H:%M} at {figure(told.value, told.metric)}"
    if told.breach_at is not None:
        between = f", between {told.low:%H:%M} and {told.high:%H:%M}" if told.low and told.high else ""
        yield f"The breach was foretold for {told.breach_at:%d %b %H:%M}{between}"
    yield f"Now: {headline(told, now)}"
    if told.breached_at is not None:
        yield f"The breach came {told.breached_at:%d %b %H:%M}"
    if story.heals:
        yield "Heals: " + ", ".join(f"{one.action} {one.created_at:%H:%M} {one.status.lower()}" for one in story.heals)

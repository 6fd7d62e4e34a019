"""Thresholds of log patterns in replays against the store of logs: the same counts before both."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from selfheal.model.log import LogError, LogPattern, LogRules, LogSeverity, LogSource, LogStep, LogTaken
from selfheal.model.recorded import LogCount
from selfheal.replay.lines import BUCKET, reached
from selfheal.store.logs import Logs

SOURCE = LogSource(name="app", component="backend", file="/var/log/app.log")
_NOTE = text("INSERT INTO log_counts (source, pattern, at, hits, raised) VALUES ('app', 'fatal', :at, :hits, :raised)")


def rules(threshold: int, window: timedelta) -> LogRules:
    pattern = LogPattern(name="fatal", expressions=("fatal",), severity=LogSeverity.CRITICAL, threshold=threshold)
    return LogRules(patterns=(pattern,), window=window)


@pytest.mark.parametrize("seed", range(12))
def test_both_reach_the_threshold_at_the_same_count(owner_engine: Engine, seed: int) -> None:
    """Counts of the last hour at random, of which some have raised already, then a commit of the store."""
    chance = random.Random(seed)  # noqa: S311 - a test's dice
    threshold, window = chance.choice([1, 5, 20]), timedelta(minutes=chance.choice([1, 5, 30]))
    now = datetime.now(UTC)
    first = datetime.fromtimestamp(now.timestamp() // 10 * 10, UTC)
    places = sorted(chance.sample(range(2, 360), chance.randint(0, 40)), reverse=True)
    before = [LogCount(at=first - place * BUCKET, hits=chance.randint(1, 4)) for place in places]
    told = list(reached(before, threshold=threshold, window=window))
    raised = {one.at for hit in told for one in before if hit.since <= one.at <= hit.at}
    with owner_engine.begin() as connection:
        for one in before:
            hits = {"at": one.at, "hits": one.hits, "raised": one.hits if one.at in raised else 0}
            connection.execute(_NOTE, hits)
    lines = chance.randint(1, 8)
    error = LogError(pattern="fatal", signature="s", line="fatal", count=lines)
    logs, step = Logs(owner_engine), LogTaken(lines=lines, errors=(error,))
    done = logs.commit(SOURCE, rules(threshold, window), LogStep(before=logs.standing(SOURCE), position={}, taken=step))
    assert done is not None
    last = LogCount(at=first, hits=lines)
    again = [one for one in reached([*before, last], threshold=threshold, window=window) if one.at == first]
    assert [f"has {one.lines} line" in done[1][0].reason for one in again] == [True] * len(done[1])

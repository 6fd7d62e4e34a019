"""Containers' logs through a real Docker engine: each line once, whatever happens to container, engine and reader."""

import re
import time
from pathlib import Path

import pytest
from docker_fixtures import TestEngine
from estate_fixtures import until
from sqlalchemy import Engine, text

from benchmarks.dockerd import Dockerd
from selfheal.clients.docker import Docker
from selfheal.clients.log_container import ContainerLog
from selfheal.model.log import LogRules, LogSource
from selfheal.policy.log_patterns import REFERENCE
from selfheal.policy.log_scan import Scanner
from selfheal.store.logs import Logs
from selfheal.watch.log_source import FollowedLog

SAYS = """
trap 'exit 0' TERM
n=0; [ -e /count ] && n=$(cat /count)
burst() { i=0; while [ $i -lt 200 ]; do echo "FATAL $n-$i"; echo "FATAL err $n-$i" >&2; i=$((i+1)); done; }
burst; n=$((n+1)); echo $n > /count
while :; do [ -e /go ] && { rm /go; burst; n=$((n+1)); echo $n > /count; }; sleep 0.05; done
"""
BURST = 400


class Follower:
    """Follows one container into the database."""

    def __init__(self, engine: Engine, url: str, name: str, *, from_start: bool = True) -> None:
        self._engine, self._url, self._from_start = engine, url, from_start
        self._source = LogSource(name="web", component="web", container=name, from_start=from_start)
        self.restart()

    def restart(self) -> None:
        """As another process would, which knows only what is committed."""
        reader = ContainerLog(self._source.container, Docker(url=self._url), from_start=self._from_start)
        self.followed = FollowedLog(
            self._source, LogRules(patterns=REFERENCE), Scanner(REFERENCE), reader=reader, store=Logs(self._engine)
        )

    def counted(self) -> int:
        self.followed.turn()
        with self._engine.connect() as connection:
            return connection.scalar(text("SELECT coalesce(sum(hits), 0)::int FROM log_counts")) or 0

    def until(self, count: int) -> None:
        """So many, and no more come."""
        until(f"{count} lines", lambda: self.counted() >= count)
        assert self.counted() == count


def test_a_log_is_followed_through_restarts(empty: Engine, docker_engine: TestEngine) -> None:
    """Container restarted, created anew, our process killed in the middle of a burst: each line once."""
    name = docker_engine.run(script=SAYS)
    follower = Follower(empty, docker_engine.url, name)
    follower.until(BURST)
    docker_engine.inside(name, "touch", "/go")
    until("some of it", lambda: follower.counted() > BURST)
    follower.restart()
    follower.until(2 * BURST)
    docker_engine.client.containers.get(name).restart(timeout=2)
    follower.until(3 * BURST)
    follower.restart()
    follower.until(3 * BURST)
    docker_engine.remove(name)
    docker_engine.run(name, script=SAYS)
    follower.until(4 * BURST)
    follower.followed.close()


def test_what_was_said_before_the_first_look_is_history(empty: Engine, docker_engine: TestEngine) -> None:
    """Only what a container says from then on counts."""
    name = docker_engine.run(
        script="echo FATAL long ago; until [ -e /go ]; do sleep 0.05; done; echo FATAL now; sleep 99"
    )
    said = time.time()
    until("its second is over", lambda: time.time() > said + 2)
    follower = Follower(empty, docker_engine.url, name, from_start=False)
    until("it follows", lambda: follower.counted() == 0 and follower.followed._reader.position()["container"] != "")
    docker_engine.inside(name, "touch", "/go")
    follower.until(1)
    follower.followed.close()


def test_a_dead_engine_is_said_once_and_followed_on(
    empty: Engine, docker_engine: TestEngine, own_dockerd: Dockerd, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is lost while dockerd is away and its container writes on."""
    name = docker_engine.run(script=SAYS)
    follower = Follower(empty, docker_engine.url, name)
    follower.until(BURST)
    own_dockerd.kill()
    until("it is said", lambda: follower.counted() == BURST and bool(follower.followed.complaint))
    for _ in range(20):
        follower.counted()
    assert len(re.findall("is not read now", caplog.text)) <= 2
    own_dockerd.start()
    docker_engine.client.containers.get(name).start()
    until("it runs", lambda: docker_engine.pid(name) > 0)
    docker_engine.inside(name, "touch", "/go")
    until("all of it", lambda: follower.counted() >= 2 * BURST)
    assert follower.counted() % BURST == 0
    follower.followed.close()


@pytest.mark.parametrize("terminal", [False, True])
def test_long_lines_and_terminals(empty: Engine, docker_engine: TestEngine, tmp_path: Path, *, terminal: bool) -> None:
    """A line that the engine splits is one line, and is cut; a terminal's lines are lines."""
    long_one = "echo FATAL $(head -c 60000 /dev/zero | tr '\\0' x); echo FATAL short; sleep 1000"
    name = docker_engine.run(script=long_one, tty=terminal)
    follower = Follower(empty, docker_engine.url, name)
    follower.until(2)
    with empty.connect() as connection:
        lines, cut = connection.execute(text("SELECT lines, cut FROM log_positions")).one()
    assert (lines, cut) == (2, 1)
    follower.followed.close()

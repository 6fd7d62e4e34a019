"""A container dies: who watches sees it at once, whoever was blind meanwhile finds it by listing.

How long that takes is measured and told (`pytest -s`), and asserted nowhere.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from docker_fixtures import Dockerd, TestEngine
from embedded_fixtures import until
from fakes import WIDE
from sqlalchemy import Engine, text
from uuid6 import uuid7

from selfheal.bootstrap import Estate, wire
from selfheal.model.admission import Answer, Decision
from selfheal.model.observation import Health
from selfheal.model.trigger import Trigger
from selfheal.protocol.heal import Result
from selfheal.settings.file import parse
from selfheal.store.health import HealthHistory


@dataclass(kw_only=True)
class Deaths:
    """An estate of one container, and what a watcher of it raises; nothing is healed."""

    engine: TestEngine
    estate: Estate
    container: str
    raised: list[float] = field(default_factory=list)

    def dispatch(self, trigger: Trigger) -> Result:
        self.raised.append(time.monotonic())
        answer = Answer(decision=Decision.NOT_ALLOWED, reason=f"only watched: {trigger.reason}")
        return Result(answer=answer)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """A watcher runs, with the sweep of the defaults: every 5 s."""
        watcher = self.estate.watcher(run_id=uuid7(), dispatch=self.dispatch, reconcile=lambda: None)
        thread = threading.Thread(target=watcher.run)
        thread.start()
        try:
            yield
        finally:
            watcher.stop()
            thread.join(30)

    def swept(self) -> bool:
        """Whether a watcher has looked and seen it well."""
        return any(one.status == "OPERATIONAL" for one in HealthHistory(self.estate.engine).latest())

    def found(self, what: str, since: float) -> None:
        """Wait until a trigger is raised; tell how long that took."""
        until(lambda: bool(self.raised), seconds=60)
        sys.stderr.write(f"\n{what}: found after {self.raised[0] - since:.2f} s\n")

    def down(self) -> int:
        """How many rows of the history say so."""
        question = text("SELECT count(*) FROM health_history WHERE component = 'one' AND status = 'DOWN'")
        with self.estate.engine.connect() as connection:
            return int(connection.scalar(question) or 0)


@pytest.fixture
def deaths(docker_engine: TestEngine, empty: Engine, database_url: str) -> Iterator[Deaths]:
    del empty
    container = docker_engine.run()
    settings = {
        "healing": WIDE,
        "docker": {"url": docker_engine.url, "timeout": "1 s"},
        "components": {"one": {"probe": "container", "container": container, "ladder": ["restart-container"]}},
    }
    estate = wire(parse(settings, source="the test"), database_url=database_url)
    until(lambda: estate.observer(estate.healer.components["one"]).health is Health.HEALTHY, seconds=20)
    yield Deaths(engine=docker_engine, estate=estate, container=container)
    estate.close()


def test_while_a_watcher_runs(deaths: Deaths) -> None:
    """The engine tells of it: a trigger is raised without waiting for the next sweep."""
    with deaths.watched():
        until(deaths.swept, seconds=20)
        since = time.monotonic()
        deaths.engine.kill(deaths.container)
        deaths.found("a container died while a watcher ran", since)
        until(lambda: deaths.down() > 0, seconds=20)


def test_while_nobody_watched(deaths: Deaths) -> None:
    """The first sweep of the next watcher finds it."""
    deaths.engine.kill(deaths.container)
    until(lambda: not deaths.engine.state(deaths.container)["Running"], seconds=20)
    since = time.monotonic()
    with deaths.watched():
        deaths.found("a container died while no watcher ran; since one does", since)


def test_while_the_engine_was_down(deaths: Deaths, own_dockerd: Dockerd) -> None:
    """Nobody tells of it afterwards: the watcher lists when the engine is back, and finds it."""
    with deaths.watched():
        until(deaths.swept, seconds=20)
        pid = deaths.engine.pid(deaths.container)
        own_dockerd.kill()
        died = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        own_dockerd.start()
        back = time.monotonic()
        deaths.found(f"a container died while dockerd was down (for {back - died:.1f} s)", died)

"""A running demo estate for tests: one supervisord per session, whole again before each test that asks for it.

`tests/conftest.py` imports the fixtures `running_estate` (session), `estate`, `faults` and `free_port` (function).
"""

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from deployments.demo.estate import Estate, write_estate
from deployments.demo.faults import Faults
from deployments.embedded.child import wrapped
from selfheal.clients.http import Http
from selfheal.clients.nats import NatsBroker
from selfheal.clients.supervisor import Supervisor
from selfheal.model.component import Component, ProbeKind
from selfheal.model.errors import SelfhealError

SLEEPERS = 4
PATIENCE_SECONDS = 30
SOON = timedelta(seconds=10)


def until(what: str, condition: Callable[[], bool], *, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait for a condition; an error of ours counts as "not yet"."""
    ends = time.monotonic() + seconds
    last = ""
    while time.monotonic() < ends:
        try:
            if condition():
                return
        except SelfhealError as error:
            last = f" ({error})"
        time.sleep(0.05)
    pytest.fail(f"{what}: not within {seconds:g} s{last}")


def component(estate: Estate, name: str) -> Component:
    """A component of the estate as the settings would build it, with timings for tests."""
    values = estate.settings()["components"][name]
    login = (values["username"], values["password"]) if "username" in values else None
    return Component(
        name=name,
        target=f"supervisor/demo/{name}",
        probe=ProbeKind(values["probe"]),
        url=values.get("url", ""),
        credentials=login,
        supervisor="demo",
        program=values["program"],
        ladder=tuple(values["ladder"]),
        probe_timeout=timedelta(seconds=1),
    )


def run_estate(folder: Path, *, sleepers: int) -> Iterator[Estate]:
    """Write an estate, run its supervisord as a child of ours, and end it with all its programs."""
    estate = write_estate(folder, sleepers=sleepers)
    with subprocess.Popen(wrapped(estate.argv(), parent=os.getpid()), stdin=subprocess.DEVNULL) as supervisord:
        try:
            until("every program runs", lambda: _all_run(estate.control()))
            yield estate
        finally:
            supervisord.kill()  # the programs die with it, which is what launch.py promises
            supervisord.wait()


@pytest.fixture(scope="session")
def running_estate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    """The session's estate; tests ask for `estate` instead."""
    yield from run_estate(tmp_path_factory.mktemp("estate") / "demo", sleepers=SLEEPERS)


@pytest.fixture
def estate(running_estate: Estate) -> Estate:
    """The demo estate with every program running, without a fault, connected."""
    make_whole(running_estate)
    return running_estate


@pytest.fixture
def faults(estate: Estate) -> Faults:
    """Breaks the estate on purpose."""
    return Faults(estate)


@pytest.fixture
def free_port() -> Iterator[int]:
    """A port where nobody listens: bound, so that nobody else takes it, but refusing."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def make_whole(estate: Estate) -> None:
    """Start what does not run, restart what hangs, and wait until all is well."""
    control = estate.control()
    for name, life in control.processes().items():
        if not life.running:
            control.start(name, timeout=SOON)
    until("every program runs", lambda: _all_run(control))
    if not _broker_answers(estate):
        control.stop("broker", timeout=SOON)
        control.start("broker", timeout=SOON)
    until("the broker answers", lambda: _broker_answers(estate))
    for name in ("backend", "frontend", "consumer"):
        if not _web_answers(estate, name):
            control.stop(name, timeout=SOON)
            control.start(name, timeout=SOON)
        until(f"{name} is healthy", lambda name=name: _web_answers(estate, name))  # type: ignore[misc]
    until("every program runs", lambda: _all_run(control))


def _all_run(control: Supervisor) -> bool:
    return all(life.state == "RUNNING" for life in control.processes().values())


def _broker_answers(estate: Estate) -> bool:
    broker = component(estate, "broker")
    try:
        NatsBroker().ping(broker.url, credentials=broker.credentials, timeout=timedelta(seconds=1))
    except SelfhealError:
        return False
    return True


def _web_answers(estate: Estate, name: str) -> bool:
    try:
        return Http().get(component(estate, name).url, timeout=timedelta(seconds=0.5))[0] == 200
    except SelfhealError:
        return False


__all__ = ["component", "estate", "faults", "free_port", "running_estate", "until"]

"""What doctor says of a Docker engine that answers."""

from datetime import timedelta

import pytest

from console import doctor_docker
from console.checks import Problem
from console.place import Place
from selfheal.clients.docker_survey import Engine
from selfheal.discovery.found import FoundContainer
from selfheal.model.observation import Incarnation
from selfheal.settings.file import parse


class Answering:
    """An engine that says what a test wants."""

    live_restore = False

    def __init__(self, url: str, *, timeout: timedelta) -> None:
        self.url, self.timeout = url, timeout

    def engine(self) -> Engine:
        return Engine(version="20.10", live_restore=self.live_restore)

    def containers(self) -> list[FoundContainer]:
        policies = {"a": "always", "b": "unless-stopped", "c": "no"}
        return [
            FoundContainer(id="0" * 64, name=name, image="i", state="running", restart_policy=policy)
            for name, policy in policies.items()
        ]


@pytest.mark.parametrize("live_restore", [True, False])
def test_containers_that_end_with_dockerd_are_told(monkeypatch: pytest.MonkeyPatch, *, live_restore: bool) -> None:
    """Without live-restore an operator reads how many containers Docker will start again by itself."""
    monkeypatch.setattr(doctor_docker, "Survey", Answering)
    monkeypatch.setattr(Answering, "live_restore", live_restore)
    monkeypatch.setattr(Place, "settings", lambda _: parse({}, source="the test"))
    said = doctor_docker.engine(Place())
    assert "Docker 20.10" in said
    assert ("live-restore is off" in said and "starts 2 of them again" in said) is not live_restore


def test_a_container_that_docker_checks_no_more_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    """Doctor names it, says since when, and what a person can do."""
    life = Incarnation(pid=1, started_at=1, state="RUNNING", id="a", health="unchecked", note="not since noon")
    monkeypatch.setattr(doctor_docker, "Survey", Answering)
    monkeypatch.setattr(doctor_docker, "lives_of", lambda _: {"web": life})
    web = {"probe": "container", "container": "web"}
    monkeypatch.setattr(Place, "settings", lambda _: parse({"components": {"web": web}}, source="the test"))
    with pytest.raises(Problem, match="web: not since noon") as problem:
        doctor_docker.engine(Place())
    assert "restart the container" in problem.value.hint

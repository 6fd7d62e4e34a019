"""scale by containers on a real engine: made like the one of the component, known by their label, removed again."""

import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from docker_fixtures import IMAGE, TAG, TestEngine
from estate_fixtures import until
from sqlalchemy import Engine
from test_dispatch_processes import wired
from test_preempting_real import one_of
from test_scale_real import killed_at, raise_sick, scaled, settle

from selfheal.clients.docker_replicas import MARK, DockerReplicas
from selfheal.model.attempt import RollbackOutcome, Status, Verification
from selfheal.model.check import Replicas, Scale
from selfheal.model.component import Component, ProbeKind
from selfheal.model.errors import Permanent

SERVE = """
touch /shared/$(hostname); trap 'rm -f /shared/$(hostname); exit 0' TERM
while :; do sleep 0.1; done
"""
"""Each says by a file that it takes its share; one that is killed does not take it back."""


@dataclass(frozen=True, kw_only=True)
class Set:
    """Two containers of one label; what is asked of them, `needed` in the folder, is how many must share it."""

    engine: TestEngine
    folder: Path
    first: str
    label: str

    @property
    def replicas(self) -> DockerReplicas:
        return DockerReplicas(url=self.engine.url)

    @property
    def component(self) -> Component:
        return Component(
            name="workers",
            target=f"docker/{self.first}",
            probe=ProbeKind.CONTAINER,
            docker="docker",
            container=self.first,
            scale=Scale(most=4, label=self.label),
        )

    def needs(self, number: int) -> None:
        (self.folder / "needed").write_text(str(number))

    def names(self, *, made: bool = True) -> list[str]:
        """Of the set; without what was made by us, if that is asked."""
        found = self.engine.client.containers.list(all=True, filters={"label": self.label})
        return sorted(one.name for one in found if made or MARK not in one.labels)

    def settings(self) -> dict[str, Any]:
        enough = "test $(ls /shared | grep -cv needed) -ge $(cat /shared/needed)"
        return {
            "docker": {"url": self.engine.url},
            "healing": {"allow": ["workers"], "lease": "2 s"},
            "actions": {"scale": {"mode": "auto"}},
            "components": {
                "workers": {
                    "probe": "command",
                    "container": self.first,
                    "command": ["sh", "-c", enough],
                    "ladder": ["scale"],
                    "scale": {"max": 4, "label": self.label, "timeout": "60 s"},
                    "probe_timeout": "10 s",
                    "start_timeout": "5 s",
                    "healthy_delay": "100 ms",
                }
            },
        }


@pytest.fixture
def pair(docker_engine: TestEngine, tmp_path: Path) -> Iterator[Set]:
    """Two, and none of ours; whatever was made is removed."""
    folder = tmp_path / "shared"
    folder.mkdir()
    first = "selfheal-test-set"
    label = "selfheal-test.set=workers"
    options: dict[str, Any] = {
        "labels": dict([label.split("=")]),
        "volumes": {str(folder): {"bind": "/shared", "mode": "rw"}},
        "environment": {"SECRET": "kept"},
        "pids_limit": 100,
    }
    for name in (first, "selfheal-test-other"):
        docker_engine.run(name, script=SERVE, **options)
    until("both serve", lambda: len(list(folder.iterdir())) == 2)
    made = Set(engine=docker_engine, folder=folder, first=first, label=label)
    yield made
    for name in made.names():
        docker_engine.remove(name)


def test_a_replica_is_like_the_first_and_only_ours_are_removed(pair: Set) -> None:
    """The same image, environment, mounts and limits, and one label more; twice the same number is once."""
    sets, one = pair.replicas, pair.component
    assert sets.look(one) == Replicas(running=2, there=2)
    assert sets.bring_to(one, 3) == f"started {pair.first}-replica-1"
    assert sets.bring_to(one, 3) == "nothing was to be done"
    assert sets.look(one) == Replicas(running=3, there=3)
    like, found = pair.engine.inspect(pair.first), pair.engine.inspect(f"{pair.first}-replica-1")
    assert found["Image"] == like["Image"]
    assert found["Config"]["Labels"] == {**like["Config"]["Labels"], MARK: pair.first}
    for part in ("Env", "Cmd", "Entrypoint", "User"):
        assert found["Config"][part] == like["Config"][part]
    for part in ("Binds", "PidsLimit", "NetworkMode"):
        assert found["HostConfig"][part] == like["HostConfig"][part]
    assert found["Config"]["Hostname"] == found["Id"][:12]
    assert sets.bring_to(one, 4) == f"started {pair.first}-replica-2"
    assert sets.bring_to(one, 3) == f"removed {pair.first}-replica-2"
    assert sets.bring_to(one, 2) == f"removed {pair.first}-replica-1"
    with pytest.raises(Permanent, match="1 of 2 containers are too many, and 0 of them were made by us"):
        sets.bring_to(one, 1)
    assert pair.names() == ["selfheal-test-other", pair.first]


def test_what_was_left_half_made_is_made_anew(pair: Set) -> None:
    """One of ours that was created and never started is there and does not run; another's that does not run stays."""
    labels = {**dict([pair.label.split("=")]), MARK: pair.first}
    name = f"{pair.first}-replica-1"
    pair.engine.client.containers.create(f"{IMAGE}:{TAG}", ["true"], name=name, network_mode="none", labels=labels)
    pair.engine.client.containers.get("selfheal-test-other").stop(timeout=5)
    assert pair.replicas.look(pair.component) == Replicas(running=1, there=3)
    assert pair.replicas.bring_to(pair.component, 2) == f"started {name}; removed {name}"
    assert pair.replicas.look(pair.component) == Replicas(running=2, there=3)


def test_one_whose_own_check_has_not_spoken_is_not_ready(pair: Set) -> None:
    """It runs, and counts; whether it is well is not known yet."""
    pair.engine.remove(pair.first)
    labels = dict([pair.label.split("=")])
    check = {"test": ["CMD", "test", "-e", "/tmp/never"], "interval": 3600 * 10**9}  # noqa: S108  in the container
    pair.engine.run(pair.first, script="while :; do sleep 0.1; done", labels=labels, healthcheck=check)
    pair.replicas.bring_to(pair.component, 3)
    assert pair.replicas.look(pair.component) == Replicas(running=3, there=3, unready=(f"{pair.first}-replica-1",))


def test_what_cannot_be_twice_is_refused(pair: Set) -> None:
    """A published port of the host, and a container without the label."""
    labels = dict([pair.label.split("=")])
    name = "selfheal-test-published"
    pair.engine.client.containers.create(f"{IMAGE}:{TAG}", ["true"], name=name, ports={"80/tcp": 8080}, labels=labels)
    published = replace(pair.component, container=name)
    with pytest.raises(Permanent, match="publishes the port 8080 of its host"):
        pair.replicas.look(published)
    with pytest.raises(Permanent, match="no container 'absent' has the label"):
        pair.replicas.look(replace(pair.component, container="absent"))


def test_a_third_one_shares_what_two_could_not(pair: Set, empty: Engine, database_url: str) -> None:
    """Sick with two, healed with three."""
    pair.needs(3)
    with wired(pair.settings(), database_url) as estate:
        result = scaled(estate)
    assert result.outcome is not None, result
    assert result.outcome.verification is Verification.HEALED, result.message
    assert pair.names() == ["selfheal-test-other", pair.first, f"{pair.first}-replica-1"]


def test_one_that_did_not_help_is_removed_again(pair: Set, empty: Engine, database_url: str) -> None:
    """Once; the others are as they were."""
    pair.needs(9)
    before = [pair.engine.pid(name) for name in pair.names()]
    with wired(pair.settings(), database_url) as estate:
        result = scaled(estate)
    assert result.outcome is not None, result
    assert (result.outcome.status, result.outcome.rollback) == (Status.ROLLED_BACK, RollbackOutcome.DONE)
    assert [pair.engine.pid(name) for name in pair.names()] == before


@pytest.mark.parametrize(
    ("place", "needed", "half", "status", "number"),
    [
        ("before-act", 3, False, "FAILED", 2),
        ("before-act", 3, True, "ROLLED_BACK", 2),
        ("after-act", 3, False, "SUCCESS", 3),
        ("before-roll-back", 9, False, "ROLLED_BACK", 2),
        ("after-roll-back", 9, False, "ROLLED_BACK", 2),
    ],
)
def test_whose_healer_is_killed_is_settled_by_what_is_seen(  # noqa: PLR0917 - fixtures
    pair: Set,
    empty: Engine,
    database_url: str,
    tmp_path: Path,
    place: str,
    needed: int,
    half: bool,  # noqa: FBT001 - a case
    status: str,
    number: int,
    request: pytest.FixtureRequest,
) -> None:
    """Nothing is made twice; what was created and not started, as by one that died between the two, is taken back."""
    if place != "after-act" and not half:
        request.getfixturevalue("campaign")
    pair.needs(needed)
    raise_sick(empty)
    died = killed_at(place, pair.settings(), database_url, tmp_path)
    assert died.returncode == -signal.SIGKILL
    if half:
        labels = {**dict([pair.label.split("=")]), MARK: pair.first}
        name = f"{pair.first}-replica-1"
        pair.engine.client.containers.create(f"{IMAGE}:{TAG}", ["true"], name=name, network_mode="none", labels=labels)
    settled = settle(pair.settings(), database_url, empty)
    assert [one.outcome is not None for one in settled] == [True], settled
    assert one_of(empty, "SELECT string_agg(status, ' ') FROM healing_actions") == status
    assert len(pair.names()) == number

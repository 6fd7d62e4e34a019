"""verify-mount: which of its ways is chosen by what is seen, and what it leaves alone."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from fakes import FakeEngine, FakeInside, FakePaths, always

from selfheal.actions.verify_mount import VerifyMount
from selfheal.model.attempt import Plan
from selfheal.model.check import GoodCopy, PathStanding, PathState
from selfheal.model.component import Component, ProbeKind
from selfheal.model.errors import Declined, Permanent, TargetChanged, Transient
from selfheal.model.observation import Health

FILE = Component(name="file", target="path//srv/FILE", probe=ProbeKind.PATH, path="/srv/FILE", copies="/var/copies")
MOUNT = replace(FILE, path="/srv/data", mounted=True, copies="")
INSIDE = Component(
    name="inside", target="docker/web", probe=ProbeKind.PATH, path="/data/FILE", docker="docker", container="web"
)
COPY = GoodCopy(sha256="a" * 64, size=3, words="3 bytes")
GONE = PathStanding(state=PathState.MISSING, detail="/srv/FILE is not there")
UNMOUNTED = PathStanding(state=PathState.NOT_MOUNTED, detail="/srv/data is not mounted")
STALE = PathStanding(state=PathState.STALE, detail="it is stale")
LIFE = FakeEngine().life


class FakeRestart:
    """Stands for restart-container."""

    timeout = timedelta(seconds=60)

    def __init__(self) -> None:
        self.calls: list[str] = []

    def prepare(self, component: Component) -> Plan:  # noqa: ARG002
        return Plan(before=LIFE, rollback={"restore": "running"}, steps=("restart web",))

    def commit(self, component: Component, plan: Plan) -> str:  # noqa: ARG002
        self.calls.append("restart")
        return "restarted web"

    def rollback(self, component: Component, plan: Plan) -> str:  # noqa: ARG002
        self.calls.append("rollback")
        return "as it was"


class World:
    def __init__(self, standing: PathStanding, **options: Any) -> None:
        self.paths, self.inside = FakePaths(standing, **options), FakeInside(path=standing)
        self.engine, self.restart = FakeEngine(), FakeRestart()
        insides: Mapping[str, Any] = {"docker": self.inside}
        self.action = VerifyMount(
            containers={"docker": self.engine},  # type: ignore[dict-item]  # what it asks of an engine
            insides=insides,
            paths=self.paths,
            container=self.restart,  # type: ignore[arg-type]  # the same
            observe=always(Health.SICK),
        )


def test_a_file_that_is_gone_is_put_back() -> None:
    """The plan names the copy, and an approval is bound to it."""
    world = World(GONE, copy=COPY)
    plan = world.action.prepare(FILE)
    assert (plan.steps, plan.parameters["copy"]) == (("put back /srv/FILE: 3 bytes",), COPY.sha256)
    assert world.paths.calls == []
    assert "put back" in world.action.commit(FILE, plan)
    assert world.paths.calls == ["put back /srv/FILE"]


def test_a_mount_of_the_table_is_mounted() -> None:
    """No copy is asked for."""
    world = World(UNMOUNTED)
    assert "mounted" in world.action.commit(MOUNT, world.action.prepare(MOUNT))
    assert world.paths.calls == ["mount /srv/data"]


def test_a_stale_mount_is_made_anew_by_a_restart() -> None:
    """With the evidence, the steps and the way back of restart-container."""
    world = World(STALE)
    plan = world.action.prepare(INSIDE)
    assert plan.steps == ("restart web", "its mounts are made anew by that")
    assert plan.rollback == {"restore": "running"}
    assert world.action.commit(INSIDE, plan) == "restarted web"
    assert world.action.rollback(INSIDE, plan) == "as it was"
    assert world.restart.calls == ["restart", "rollback"]


@pytest.mark.parametrize(
    ("component", "standing", "options", "said"),
    [
        (FILE, GONE, {}, "there is no copy"),
        (replace(FILE, copies=""), GONE, {"copy": COPY}, "set copies of the component"),
        (FILE, PathStanding(state=PathState.PRESENT), {}, "nothing to do"),
        (FILE, PathStanding(state=PathState.UNREADABLE, detail="no right"), {"copy": COPY}, "look at its rights"),
        (MOUNT, UNMOUNTED, {"unmountable": "only root may mount"}, "only root may mount"),
        (INSIDE, PathStanding(state=PathState.MISSING, detail="it is not there"), {}, "restore it outside"),
        (INSIDE, PathStanding(state=PathState.NOT_MOUNTED, detail="no mount"), {}, "create the container anew"),
        (INSIDE, PathStanding(state=PathState.PRESENT), {}, "nothing to do"),
    ],
)
def test_what_it_cannot_mend_it_leaves_and_says_why(
    component: Component, standing: PathStanding, options: dict[str, Any], said: str
) -> None:
    """Nothing is replaced that is there, nothing is mounted that the table does not have."""
    world = World(standing, **options)
    plan = world.action.prepare(component)
    assert said in plan.steps[0]
    with pytest.raises(Declined, match=said):
        world.action.commit(component, plan)
    assert world.paths.calls + world.restart.calls == []


@pytest.mark.parametrize(("component", "standing"), [(FILE, GONE), (MOUNT, UNMOUNTED), (INSIDE, STALE)])
def test_what_changed_meanwhile_is_not_touched(component: Component, standing: PathStanding) -> None:
    """Somebody else brought it back between the look and the act."""
    world = World(standing, copy=COPY)
    plan = world.action.prepare(component)
    world.paths.stands = world.inside.standing = PathStanding(state=PathState.PRESENT)
    with pytest.raises(TargetChanged):
        world.action.commit(component, plan)
    assert world.paths.calls + world.restart.calls == []


def test_a_container_that_was_restarted_meanwhile_is_not_touched() -> None:
    """Its mounts are new already; one that is dead is for restart-container."""
    world = World(STALE)
    plan = world.action.prepare(INSIDE)
    world.engine.life = replace(LIFE, exact_start="later")
    with pytest.raises(TargetChanged):
        world.action.commit(INSIDE, plan)
    world.engine.life = replace(LIFE, pid=0, state="EXITED")
    with pytest.raises(Permanent, match="start it first"):
        world.action.prepare(INSIDE)
    assert world.restart.calls == []


def test_a_refusal_of_the_system_is_an_error() -> None:
    """The disk is full: observation tells the rest."""
    world = World(GONE, copy=COPY)
    plan = world.action.prepare(FILE)
    world.paths.refuses = Transient("no space left")
    with pytest.raises(Transient):
        world.action.commit(FILE, plan)
    assert "stays as it is" in world.action.rollback(FILE, plan)

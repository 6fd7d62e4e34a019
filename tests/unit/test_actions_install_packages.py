"""install-packages: the one command of the settings, in the container that was looked at."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from fakes import NOON, FakeEngine, FakeInside, always
from uuid6 import uuid7

from selfheal.actions.install_packages import InstallPackages
from selfheal.model.check import Executed, Install
from selfheal.model.component import Component, ProbeKind
from selfheal.model.errors import Overrun, Permanent, TargetChanged
from selfheal.model.observation import Health
from selfheal.model.trigger import Priority, Source, Trigger, TriggerType
from selfheal.settings.file import parse

MODULES = Component(
    name="modules",
    target="docker/web",
    probe=ProbeKind.COMMAND,
    command=("node", "-e", "require('pg')"),
    docker="docker",
    container="web",
    install=Install(command=("npm", "ci"), timeout=timedelta(minutes=5)),
)
LIFE = FakeEngine().life


class World:
    def __init__(self, *ends: Executed | Exception) -> None:
        self.engine, self.inside = FakeEngine(), FakeInside(executes=ends or [Executed(exit_code=0, output="done")])
        self.action = InstallPackages(
            containers={"docker": self.engine},  # type: ignore[dict-item]  # what it asks of an engine
            insides={"docker": self.inside},
            observe=always(Health.SICK),
        )


def test_the_command_of_the_settings_is_run_once() -> None:
    """The plan shows it, an approval is bound to it, and the end of what it wrote is told."""
    world = World(Executed(exit_code=0, output="password=hunter22\nadded 312 packages"))
    plan = world.action.prepare(MODULES)
    assert plan.steps == ("run `npm ci` in web, at most 300 s",)
    assert (plan.parameters, plan.timeout_s) == ({"command": ["npm", "ci"]}, 315)
    assert "Cannot find module" in plan.evidence["log"]
    assert world.inside.ran == []
    said = world.action.commit(MODULES, plan)
    assert world.inside.ran == [("npm", "ci")]
    assert said.endswith("added 312 packages")
    assert "hunter22" not in said


@pytest.mark.parametrize(
    ("end", "said"),
    [
        (Executed(exit_code=1, output="npm ERR! network"), "ended with 1: npm ERR! network"),
        (Overrun("too long"), "long"),
    ],
)
def test_one_that_fails_is_an_error(end: Executed | Exception, said: str) -> None:
    """What it left is for observation to tell; it is not run again."""
    world = World(end)
    with pytest.raises((Permanent, Overrun), match=said):
        world.action.commit(MODULES, world.action.prepare(MODULES))
    assert len(world.inside.ran) == 1


def test_another_life_is_not_touched() -> None:
    """A container that was restarted may have its packages again; a dead one has nothing to run in."""
    world = World()
    plan = world.action.prepare(MODULES)
    world.engine.life = replace(LIFE, exact_start="later")
    with pytest.raises(TargetChanged):
        world.action.commit(MODULES, plan)
    world.engine.life = replace(LIFE, pid=0, state="EXITED")
    with pytest.raises(Permanent, match="start it first"):
        world.action.prepare(MODULES)
    assert world.inside.ran == []


def test_what_it_handles() -> None:
    """Only where the settings say what; for a check that failed, a suspicion or a person."""
    world, bare = World(), replace(MODULES, install=None)
    handled = {kind for kind in TriggerType if world.action.can_handle(a_trigger(kind), MODULES)}
    assert handled == {
        TriggerType.LOG_ERROR,
        TriggerType.CHECK_FAILED,
        TriggerType.EXTERNAL_ALERT,
        TriggerType.MANUAL,
    }
    assert not any(world.action.can_handle(a_trigger(kind), bare) for kind in TriggerType)
    with pytest.raises(Permanent, match="has no install"):
        world.action.prepare(bare)
    assert "stay as they are" in world.action.rollback(MODULES, world.action.prepare(MODULES))
    assert world.action.mode == "approve"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"command": []}, "command"),
        ({"command": "npm ci"}, "must be a list"),
        ({"command": [""]}, "must begin with the name of a program"),
        ({"container": "", "supervisor": ""}, "container"),
        ({"install": {"command": []}}, "must not be empty"),
        ({"install": {"command": ["npm"], "timeout": "21 min"}}, "at most 20 min"),
        ({"probe": "container"}, "belongs to probe"),
        ({"watched": "perhaps"}, "watched"),
        ({"path": "/x"}, "belongs to probe"),
        ({"command": ["a\x00b"]}, "NUL"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change: dict[str, Any], said: str) -> None:
    """Each with its name."""
    component = {
        "probe": "command",
        "container": "web",
        "command": ["node", "-v"],
        "install": {"command": ["npm", "ci"]},
    }
    with pytest.raises(Permanent, match=said):
        parse({"components": {"modules": component | change}}, source="the test")


def test_the_settings_reach_the_component() -> None:
    """As they were written."""
    component = {"probe": "command", "container": "web", "command": ["node", "-v"], "watched": False}
    known = parse({"components": {"modules": component}}, source="the test").catalogue()["modules"]
    assert (known.command, known.watched, known.target) == (("node", "-v"), False, "docker/web")


def a_trigger(kind: TriggerType) -> Trigger:
    return Trigger(
        id=uuid7(),
        type=kind,
        component="modules",
        source=Source.WATCHER,
        priority=Priority.MEDIUM,
        reason="the test says so",
        detected_at=NOON,
    )

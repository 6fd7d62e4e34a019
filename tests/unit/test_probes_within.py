"""The probes path, command and memory: what they make of what is seen within, and what they cannot tell."""

from dataclasses import replace
from typing import Any

import pytest
from fakes import NOON, FakeClock, FakeHttp, FakeInside, FakePaths, FakeProcesses

from selfheal.model.check import MIB, Executed, MemoryLimit, MemoryUse, PathStanding, PathState
from selfheal.model.component import Component, ProbeKind
from selfheal.model.errors import Overrun, Permanent, Transient
from selfheal.model.observation import Health, Incarnation, Observation
from selfheal.model.trigger import Priority, TriggerType
from selfheal.policy.triggers import priority_of, type_of
from selfheal.probes.command import CommandProbe
from selfheal.probes.memory import MemoryProbe
from selfheal.probes.path import PathProbe

LIFE = Incarnation(pid=7, started_at=1, state="RUNNING", id="a" * 64)
CONTAINER: dict[str, Any] = {"target": "docker/web", "docker": "docker", "container": "web"}
CHECK = Component(name="modules", probe=ProbeKind.COMMAND, command=("node", "-e", "x"), **CONTAINER)
FILE = Component(name="file", probe=ProbeKind.PATH, path="/srv/FILE", copies="/var/copies", target="path//srv/FILE")
MOUNT = Component(name="mount", probe=ProbeKind.PATH, path="/data/FILE", **CONTAINER)
MEMORY = Component(name="memory", probe=ProbeKind.MEMORY, memory=MemoryLimit(share=0.9), **CONTAINER)


def verdict(seen: Observation) -> tuple[Health, str]:
    return seen.health, seen.detail


@pytest.mark.parametrize(
    ("says", "health", "detail"),
    [
        (Executed(exit_code=0, output="noise"), Health.HEALTHY, ""),
        (
            Executed(exit_code=1, output="Error: x\n at y\nlast"),
            Health.SICK,
            "`node -e x` ended with 1: Error: x ... last",
        ),
        (Executed(exit_code=127, output=""), Health.SICK, "`node -e x` ended with 127: it said nothing"),
        (Overrun("it hangs"), Health.SICK, "it hangs"),
        (Transient("the engine is away"), Health.UNKNOWN, "`node -e x` cannot be run: the engine is away"),
        (Permanent("refused"), Health.UNKNOWN, "refused"),
    ],
    ids=["well", "fails", "no program", "hangs", "no engine", "refused"],
)
def test_a_command_tells_by_its_end(says: Executed | Exception, health: Health, detail: str) -> None:
    """Only an end with 0 is well; an engine that cannot be asked is no sickness of the component."""
    probe = CommandProbe({"docker": FakeInside(executes=[says])}, FakeClock())
    assert verdict(probe.observe(CHECK, LIFE)) == (health, detail)
    assert probe.observe(CHECK, None).health is Health.UNKNOWN


@pytest.mark.parametrize("state", list(PathState))
def test_a_path_is_well_only_where_it_is_there(state: PathState) -> None:
    """In a container and on the machine; on the machine the file is the incarnation, and is copied while it is well."""
    standing = PathStanding(state=state, detail="why", id="1:2")
    paths, inside = FakePaths(standing), FakeInside(path=standing)
    probe = PathProbe({"docker": inside}, paths, FakeClock())
    well = Health.HEALTHY if state is PathState.PRESENT else Health.SICK
    assert verdict(probe.observe(MOUNT, LIFE)) == (well, "why")
    assert probe.observe(MOUNT, LIFE).incarnation == LIFE
    seen = probe.observe(FILE, None)
    assert (seen.health, seen.incarnation) == (
        well,
        Incarnation(pid=0, started_at=0, state=state.value, id="1:2"),
    )
    assert paths.calls == (["keep /srv/FILE"] if state is PathState.PRESENT else [])


def test_what_hangs_is_sick_and_what_nobody_can_ask_is_unknown() -> None:
    """A file server that is away makes its path sick; an engine that is away does not."""
    probe = PathProbe({"docker": FakeInside(path=Transient("away"))}, FakePaths(Transient("it hangs")), FakeClock())
    assert verdict(probe.observe(FILE, None)) == (Health.SICK, "it hangs")
    assert probe.observe(MOUNT, LIFE).health is Health.UNKNOWN
    assert probe.observe(MOUNT, None).health is Health.UNKNOWN


def test_a_copy_that_cannot_be_kept_does_not_make_it_sick() -> None:
    """The file is well; only the log tells."""
    paths = FakePaths(PathStanding(state=PathState.PRESENT))
    paths.refuses = Transient("the disk is full")
    assert PathProbe({}, paths, FakeClock()).observe(FILE, None).health is Health.HEALTHY


@pytest.mark.parametrize(
    ("use", "limit", "health"),
    [
        (MemoryUse(used=91 * MIB, limit=100 * MIB), MemoryLimit(share=0.9), Health.SICK),
        (MemoryUse(used=90 * MIB, limit=100 * MIB), MemoryLimit(share=0.9), Health.HEALTHY),
        (MemoryUse(used=90 * MIB), MemoryLimit(share=0.9), Health.UNKNOWN),
        (MemoryUse(used=11 * MIB), MemoryLimit(mib=10), Health.SICK),
        (Transient("away"), MemoryLimit(mib=10), Health.UNKNOWN),
    ],
    ids=["share", "below", "no limit", "MiB", "no engine"],
)
def test_memory_is_sick_above_its_limit(use: MemoryUse | Exception, limit: MemoryLimit, health: Health) -> None:
    """A share of no limit means nothing."""
    probe = MemoryProbe({"docker": FakeInside(memory=use)}, None, FakeHttp(200), FakeClock())
    assert probe.observe(replace(MEMORY, memory=limit), LIFE).health is health


def test_what_memory_comes_to_is_measured_of_what_it_may_use() -> None:
    """So that it is foretold against the point at which it is sick."""
    probe = MemoryProbe(
        {"docker": FakeInside(memory=MemoryUse(used=45 * MIB, limit=100 * MIB))}, None, FakeHttp(200), FakeClock()
    )
    seen = probe.observe(replace(MEMORY, memory=MemoryLimit(share=0.9)), LIFE)
    assert seen.values == {"memory_bytes": 45 * MIB, "memory_percent": pytest.approx(50)}


def test_a_process_is_asked_on_this_machine() -> None:
    """By its supervisor's pid."""
    component = Component(
        name="m",
        target="supervisor/s/m",
        probe=ProbeKind.MEMORY,
        supervisor="s",
        program="m",
        memory=MemoryLimit(mib=1),
    )
    probe = MemoryProbe({}, FakeProcesses(used=2 * MIB), FakeHttp(200), FakeClock())
    assert probe.observe(component, LIFE).detail == "uses 2 MiB of memory, the limit is 1 MiB"
    assert probe.observe(component, None).health is Health.UNKNOWN


@pytest.mark.parametrize(
    ("body", "health"),
    [
        ('{"heap": {"used": 99, "limit": 100}}', Health.SICK),
        ('{"heap": {"used": 10, "limit": 100}}', Health.HEALTHY),
        ('{"heap": {"used": true, "limit": 100}}', Health.UNKNOWN),
        ('{"heap": {"used": "99"}}', Health.UNKNOWN),
        ('{"heap": []}', Health.UNKNOWN),
        ('{"heap": {"used": 1e999, "limit": 100}}', Health.UNKNOWN),
        ("<html>", Health.UNKNOWN),
        ("", Health.UNKNOWN),
    ],
)
def test_an_endpoint_tells_its_own_figure(body: str, health: Health) -> None:
    """What is no figure is no sickness."""
    limit = MemoryLimit(share=0.9, url="http://host/memory", field="heap.used", limit_field="heap.limit")
    http = FakeHttp(200)
    http.body = body
    probe = MemoryProbe({}, None, http, FakeClock())
    assert probe.observe(Component(name="m", target="t", probe=ProbeKind.MEMORY, memory=limit), None).health is health


@pytest.mark.parametrize(
    ("component", "state", "kind"),
    [
        (CHECK, "RUNNING", TriggerType.CHECK_FAILED),
        (CHECK, "EXITED", TriggerType.CONTAINER_DOWN),
        (CHECK, "CRASH_LOOP", TriggerType.CONTAINER_CRASH_LOOP),
        (MOUNT, "RUNNING", TriggerType.MOUNT_GONE),
        (MEMORY, "RUNNING", TriggerType.MEMORY_HIGH),
        (MEMORY, "PAUSED", TriggerType.CONTAINER_DOWN),
        (FILE, "MISSING", TriggerType.MOUNT_GONE),
    ],
)
def test_what_is_within_counts_only_while_its_keeper_lives(component: Component, state: str, kind: TriggerType) -> None:
    """A dead container is a dead container, whatever was to be looked at in it."""
    life = Incarnation(pid=7 if state in {"RUNNING", "PAUSED"} else 0, started_at=1, state=state)
    seen = Observation(component="x", health=Health.SICK, detail="", observed_at=NOON, incarnation=life)
    assert type_of(component, seen) is kind


def test_how_urgent_they_are() -> None:
    """Files and checks are MEDIUM; memory that runs out is HIGH."""
    assert priority_of(MOUNT, TriggerType.MOUNT_GONE) is Priority.MEDIUM
    assert priority_of(CHECK, TriggerType.CHECK_FAILED) is Priority.MEDIUM
    assert priority_of(MEMORY, TriggerType.MEMORY_HIGH) is Priority.HIGH
    assert priority_of(replace(MEMORY, critical=True), TriggerType.MEMORY_HIGH) is Priority.CRITICAL

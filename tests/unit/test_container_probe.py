"""What a container's state and health check mean for the component, for the sweeps, and for the trigger."""

from datetime import timedelta
from typing import Any

import pytest
from fakes import NOON, FakeBroker, FakeClock, FakeHttp

from selfheal.clients.docker_state import life_of, was_asked, worth_keeping
from selfheal.model.component import Component, ProbeKind
from selfheal.model.errors import Transient
from selfheal.model.observation import Health, Incarnation, Observation
from selfheal.model.trigger import TriggerType
from selfheal.policy.health import is_certain
from selfheal.policy.triggers import platform_acts, type_of
from selfheal.probes.observe import Observer
from selfheal.probes.table import probe_table

ID = "a" * 64
START = "2026-01-01T11:00:00.123456789Z"


class OneContainer:
    """A Docker engine with one container; only its looks."""

    def __init__(self, life: Incarnation | Exception) -> None:
        self.life = life
        self.listed = 0

    def container(self, name: str) -> Incarnation:  # noqa: ARG002
        if isinstance(self.life, Exception):
            raise self.life
        return self.life

    def containers(self, names: Any = None) -> dict[str, Incarnation]:
        self.listed += 1
        return {name: self.container(name) for name in names}


def life(state: str, *, health: str = "", note: str = "") -> Incarnation:
    pid = 7 if state in {"RUNNING", "PAUSED", "CRASH_LOOP"} else 0
    return Incarnation(pid=pid, started_at=1, state=state, id=ID, exact_start=START, health=health, note=note)


def component(probe: ProbeKind = ProbeKind.CONTAINER) -> Component:
    return Component(name="web", target="docker/web", probe=probe, url="http://x/", docker="docker", container="web")


def observer(found: Incarnation | Exception, http: FakeHttp | None = None) -> Observer:
    clock = FakeClock()
    probes = probe_table(http=http or FakeHttp(200), broker=FakeBroker(1), clock=clock)
    engine: Any = OneContainer(found)
    return Observer(controls={}, containers={"docker": engine}, probes=probes, clock=clock)


def inspection(**changes: Any) -> dict[str, Any]:
    """Docker's inspection of a running container, with some of its values changed."""
    state = {
        "Status": "running",
        "Pid": 7,
        "ExitCode": 0,
        "OOMKilled": False,
        "Error": "",
        "StartedAt": START,
        "FinishedAt": "0001-01-01T00:00:00Z",
    }
    config = {"StopSignal": changes.pop("StopSignal", None), "StopTimeout": None, "Env": ["PASSWORD=hunter2"]}
    host = {"RestartPolicy": {"Name": changes.pop("policy", "no")}}
    count = changes.pop("RestartCount", 0)
    found = {"Id": ID, "Created": START, "Path": "sh", "Args": ["--password", "hunter2"], "RestartCount": count}
    return found | {"State": state | changes, "Config": config, "HostConfig": host}


@pytest.mark.parametrize(
    ("found", "health", "word"),
    [
        (life("RUNNING"), Health.HEALTHY, ""),
        (life("RUNNING", health="healthy"), Health.HEALTHY, ""),
        (life("RUNNING", health="unhealthy", note="no answer"), Health.SICK, "unhealthy: no answer"),
        (life("RUNNING", health="starting"), Health.UNKNOWN, "starting"),
        (life("RUNNING", health="unchecked", note="not checked since noon"), Health.UNKNOWN, "not checked since noon"),
        (life("PAUSED", health="healthy"), Health.SICK, "PAUSED"),
        (life("RESTARTING", note="exit code 3"), Health.SICK, "RESTARTING (exit code 3)"),
        (life("CRASH_LOOP"), Health.SICK, "CRASH_LOOP"),
        (life("EXITED", note="exit code 137"), Health.SICK, "container EXITED (exit code 137)"),
        (life("STOPPED"), Health.SICK, "STOPPED"),
        (Incarnation(pid=0, started_at=0, state="REMOVED"), Health.SICK, "container REMOVED"),
        (Transient("the engine is frozen"), Health.UNKNOWN, "the engine is frozen"),
    ],
)
def test_container_probe(found: Incarnation | Exception, health: Health, word: str) -> None:
    """Healthy is healthy, not running; what has not been told yet is unknown; alone or in a sweep."""
    observe = observer(found)
    seen = observe(component())
    assert seen.health is health
    assert word in seen.detail
    assert observe.observe_all([component(), component()]) == [seen, seen]


@pytest.mark.parametrize("state", ["PAUSED", "EXITED", "CRASH_LOOP", "REMOVED"])
def test_a_url_is_not_asked_where_nothing_can_answer(state: str) -> None:
    """A container that is paused or gone is sick without asking its URL; one that runs is asked."""
    http = FakeHttp(200)
    assert observer(life(state), http)(component(ProbeKind.HTTP)).health is Health.SICK
    assert http.gets == []
    assert observer(life("RUNNING"), FakeHttp(503))(component(ProbeKind.HTTP)).detail == "answers 503"


@pytest.mark.parametrize(
    ("found", "certain"),
    [
        (life("EXITED"), True),
        (life("STOPPED"), True),
        (life("RUNNING", health="unhealthy"), True),
        (life("RUNNING", health="unchecked"), False),
        (life("PAUSED"), False),
        (life("RESTARTING"), False),
        (life("REMOVED"), False),
    ],
)
def test_what_needs_no_second_look(found: Incarnation, certain: bool) -> None:  # noqa: FBT001
    """An end and Docker's own repeated checks are facts; a pause, a restart and a removal may pass by themselves."""
    assert is_certain(observer(found)(component())) is certain


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("EXITED", TriggerType.CONTAINER_DOWN),
        ("PAUSED", TriggerType.CONTAINER_DOWN),
        ("CRASH_LOOP", TriggerType.CONTAINER_CRASH_LOOP),
        ("REMOVING", TriggerType.CONTAINER_REMOVED),
        ("REMOVED", TriggerType.CONTAINER_REMOVED),
    ],
)
def test_trigger_types(state: str, kind: TriggerType) -> None:
    """What no restart can mend is a reason of another kind."""
    assert type_of(component(), observer(life(state))(component())) is kind


def test_docker_gets_its_grace() -> None:
    """While Docker restarts it by itself there is no trigger before the grace is over; an end has no grace."""
    grace = timedelta(seconds=10)
    for state, early in (("RESTARTING", True), ("CRASH_LOOP", True), ("EXITED", False), ("PAUSED", False)):
        seen = Observation(component="web", health=Health.SICK, detail="", observed_at=NOON, incarnation=life(state))
        assert platform_acts(component(), seen, sick_since=NOON, now=NOON + grace / 2, grace=grace) is early
        assert not platform_acts(component(), seen, sick_since=NOON, now=NOON + grace, grace=grace)


@pytest.mark.parametrize(
    ("signals", "changes", "asked"),
    [
        (["15"], {"ExitCode": 0}, True),
        (["15", "9"], {"ExitCode": 137}, True),
        (["9"], {"ExitCode": 137}, False),
        (["9"], {"ExitCode": 137, "policy": "always"}, False),
        (["3"], {"ExitCode": 0, "StopSignal": "SIGQUIT"}, True),
        (["15"], {"ExitCode": 0, "StopSignal": "QUIT"}, False),
        ([], {"ExitCode": 137}, False),
        ([], {"ExitCode": 0}, False),
        ([], {"ExitCode": 143}, True),
        ([], {"ExitCode": 1, "policy": "on-failure"}, False),
        ([], {"ExitCode": 1, "policy": "unless-stopped"}, True),
    ],
)
def test_asked_to_stop(signals: list[str], changes: dict[str, Any], asked: bool) -> None:  # noqa: FBT001
    """The stop signal is a request, a kill is none; without events the restart policy and the exit code tell."""
    kills = [{"Actor": {"Attributes": {"signal": one}}} for one in signals]
    assert was_asked(inspection(Status="exited", Pid=0, **changes), kills) is asked


def test_a_crash_loop_is_short_lives() -> None:
    """Restarts count only while its lives are short: a container that lives again is no loop, nor is a dead old one."""
    began = life_of(inspection(), asked=False, now=NOON).started_at
    for age, state in ((5, "CRASH_LOOP"), (15, "RUNNING")):
        now = NOON.fromtimestamp(began + age, tz=NOON.tzinfo)
        assert life_of(inspection(RestartCount=3), asked=False, now=now).state == state
    short = inspection(RestartCount=5, Status="restarting", Pid=0, FinishedAt="2026-01-01T11:00:01Z", ExitCode=3)
    assert life_of(short, asked=False, now=NOON).state == "CRASH_LOOP"
    long = inspection(RestartCount=5, Status="exited", Pid=0, FinishedAt="2026-01-01T11:01:00Z", ExitCode=137)
    assert life_of(long, asked=False, now=NOON).state == "EXITED"


def test_evidence_leaves_secrets_out() -> None:
    """Environment and arguments, where passwords live, are not kept."""
    assert "hunter2" not in str(worth_keeping(inspection()))

"""From what was found to a settings file: which names, which probes, what is left out, and always right settings."""

import string
import tomllib
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfheal.clients import systemd
from selfheal.discovery.draft import draft
from selfheal.discovery.found import (
    FoundContainer,
    FoundProgram,
    FoundSupervisor,
    FoundUnit,
    HealthCheck,
    Machine,
)
from selfheal.discovery.names import component_names
from selfheal.discovery.text import settings_file
from selfheal.model.errors import Permanent
from selfheal.settings.advice import advice
from selfheal.settings.estate import Settings
from selfheal.settings.file import parse

CHECK = HealthCheck(interval=timedelta(seconds=30), retries=3, start_period=timedelta(0))
SYSTEMCTL = (
    '[{"unit":"cron.service","load":"loaded","active":"active","sub":"running","description":"Regular jobs"},'
    '{"unit":"done.service","load":"loaded","active":"active","sub":"exited","description":"Once"}]'
)
"""As systemd 252 writes it."""


def container(name: str, **changes: Any) -> FoundContainer:
    given = {"id": name.encode().hex().ljust(64, "0")[:64], "image": "nginx:1", "state": "running", "check": CHECK}
    return FoundContainer(**{"name": name, **given, **changes})


def written(machine: Machine) -> str:
    return settings_file(machine, draft(machine))


def found(*containers: FoundContainer, **more: Any) -> Machine:
    """A machine with these containers in an engine that is not the usual one."""
    return Machine(**{"docker": "tcp://h:2375", "containers": containers, **more})


def read(machine: Machine) -> Settings:
    """What was written, as `selfheal up` reads it."""
    return parse(tomllib.loads(written(machine)), source="what was written")


def test_nothing_is_healed_before_two_edits() -> None:
    """As written everything is only observed; with the names and without the marks before the ladders it is healed."""
    machine = Machine(docker="unix:///var/run/docker.sock", containers=(container("web"), container("db")))
    assert read(machine).healing.allow == frozenset()
    assert {one.ladder for one in read(machine).components.values()} == {()}
    edited = written(machine).replace("\nallow = []", '\nallow = ["web", "db"]').replace("\n# ladder", "\nladder")
    after = parse(tomllib.loads(edited), source="the edited file")
    assert {one.ladder for one in after.components.values()} == {("restart-container",)}
    assert advice(after) == []


def test_only_the_missing_allow_list_is_worth_a_warning() -> None:
    """What is written passes the check of the settings."""
    by = FoundSupervisor(name="main", url="unix:///s", programs=(FoundProgram(name="p", state="RUNNING"),))
    machine = Machine(docker="tcp://h:2375", containers=(container("web"),), supervisors=(by,))
    assert [one.setting for one in advice(read(machine))] == ["healing.allow"]
    assert read(machine).docker.url == "tcp://h:2375"


def test_compose_tells_groups_and_dependencies() -> None:
    """Project and depends_on of the labels become group and depends_on, within the project, whatever the case."""
    shop = {"project": "Shop 1"}
    machine = found(
        container("Shop-web-1", **shop, service="web", needs=frozenset({"db", "gone"})),
        container("shop-db-1", **shop, service="db"),
        container("other-db-1", project="other", service="db"),
    )
    web = read(machine).components["shop-web-1"]
    assert (web.container, web.group, web.depends_on) == ("Shop-web-1", "shop-1", {"shop-db-1"})


def test_a_circle_of_labels_is_no_settings_file() -> None:
    """Dependencies that go in a circle are left out, and told."""
    ring = [("a", "b"), ("b", "a")]
    machine = found(*(container(one, project="p", service=one, needs=frozenset({on})) for one, on in ring))
    assert {one.depends_on for one in read(machine).components.values()} == {frozenset()}
    assert "go in a circle" in written(machine)


@pytest.mark.parametrize(
    ("check", "grace", "wanted"),
    [
        (CHECK, 10, 100),
        (HealthCheck(interval=timedelta(seconds=1), retries=2, start_period=timedelta(0)), 10, 60),
        (HealthCheck(interval=timedelta(seconds=5), retries=2, start_period=timedelta(minutes=5)), 20, 330),
        (None, 300, 60),
    ],
)
def test_a_start_takes_as_long_as_its_health_check(check: HealthCheck | None, grace: int, wanted: int) -> None:
    """Stop grace, start period and as many checks as make it unhealthy, and never less than the default."""
    machine = found(container("a", check=check, stop_grace=timedelta(seconds=grace)))
    assert read(machine).components["a"].start_timeout == timedelta(seconds=wanted)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"check": None, "ports": ((8080, 80),)}, 'probe = "http", url = "http://127.0.0.1:8080/"'),
        ({"check": None, "ports": ((14222, 4222),)}, 'probe = "nats", url = "nats://127.0.0.1:14222"'),
        ({"check": HealthCheck(interval=timedelta(1), retries=1, start_period=timedelta(0))}, "give it 2 retries"),
        ({"stop_grace": timedelta(minutes=2)}, "restart-container refuses more than 45 s"),
        ({"state": "exited", "restart_policy": "always"}, "It is exited now"),
        ({"mounts": ("/app/FILE", "/x")}, 'probe = "path", path = "/app/FILE", mounted = true'),
        ({"memory_limit": 512 << 20}, "killed above 512 MiB"),
    ],
    ids=["http", "nats", "retries", "grace", "stopped", "mount", "memory"],
)
def test_what_an_operator_should_know_is_told(changes: dict[str, Any], said: str) -> None:
    """A component's remarks name what a heal of it would stumble over."""
    assert said in written(found(container("a", **changes)))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"auto_remove": True}, "docker run --rm"),
        ({"one_off": True}, "docker compose run"),
        ({"state": "created"}, "it is created"),
        ({"state": "exited", "exit_code": 3}, "exit code 3"),
        ({"id": "f" * 64}, "Selfheal itself runs in it"),
        ({"ports": ((15432, 5432),)}, "Selfheal itself needs it"),
    ],
    ids=["removed", "one-off", "created", "ended", "ours", "needed"],
)
def test_what_is_no_service_is_left_out_and_told(changes: dict[str, Any], said: str) -> None:
    """Short-lived containers and our own are no components; the file says why."""
    machine = found(
        container("keep"),
        container("gone", **changes),
        our_containers=frozenset({"f" * 64}),
        our_ports=frozenset({15432}),
    )
    assert set(read(machine).components) == {"keep"}
    assert said in written(machine).partition("# Left out:")[2]


def test_programs_of_a_supervisord() -> None:
    """Services become components with the probe of their process; ours, and what has run once, are left out."""
    programs = (
        FoundProgram(name="group:web", state="RUNNING", pid=7),
        FoundProgram(name="once", state="EXITED"),
        FoundProgram(name="selfheal", state="RUNNING", pid=4),
    )
    by = FoundSupervisor(name="main", url="http://127.0.0.1:9001", username="ops", password='a"\\b', programs=programs)
    settings = read(Machine(supervisors=(by,), our_pids=frozenset({4})))
    assert {name: one.program for name, one in settings.components.items()} == {"group-web": "group:web"}
    assert settings.supervisors["main"].password.get_secret_value() == 'a"\\b'


def test_units_of_systemd_are_only_listed() -> None:
    """What runs is a comment: no probe and no action knows systemd."""
    units = tuple(systemd.units_of(SYSTEMCTL))
    assert units == (FoundUnit(name="cron.service", description="Regular jobs"),)
    machine = found(container("a"), units=units)
    assert "# - cron.service: Regular jobs" in written(machine)
    assert set(read(machine).components) == {"a"}


@pytest.mark.parametrize("answer", ["", "{}", "[1]", '[{"unit": "x"}]', "UNIT LOAD ACTIVE"])
def test_another_answer_of_systemctl_is_told(answer: str) -> None:
    """What is no list of units is an error that names the likely reason."""
    if answer == "{}":
        assert systemd.units_of(answer) == []
        return
    with pytest.raises(Permanent, match="no list of units"):
        systemd.units_of(answer)


NAMES = st.text(alphabet=string.ascii_letters + string.digits + "_.-:", min_size=1, max_size=120)


@given(st.lists(NAMES, max_size=20), st.lists(NAMES, max_size=20))
def test_every_thing_has_a_name_of_its_own(containers: list[str], programs: list[str]) -> None:
    """Whatever things are called their components' names are right, all different, and the same each time."""
    things = [f"docker/{name}" for name in containers] + [f"supervisor/main/{name}" for name in programs]
    names = component_names(things)
    assert set(names) == set(things)
    assert len(set(names.values())) == len(names)
    parse({"components": {one: {"probe": "http", "url": "http://h/"} for one in names.values()}}, source="the names")
    assert component_names(things) == names


def test_a_name_that_is_right_is_kept() -> None:
    """Who has the exact name gets it, whoever comes first; the other one keeps its digits."""
    names = component_names(["docker/Web", "docker/web", "supervisor/main/web"])
    assert names["docker/web"] == "web"
    alone = component_names(["docker/web", "docker/Web"])
    assert names["docker/Web"] == alone["docker/Web"]


HOSTILE = st.text(max_size=60)


@given(st.tuples(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE))
def test_no_label_breaks_out_of_the_file(texts: tuple[str, str, str, str, str, str]) -> None:
    """Whatever labels, images and messages hold, the file is TOML with right settings and nothing more allowed."""
    image, project, service, left, silent, password = texts
    by = FoundSupervisor(
        name="main",
        url="unix:///s",
        username="u",
        password=password,
        programs=(FoundProgram(name="p", state="RUNNING"),),
    )
    machine = found(
        container("a", image=image, project=project, service=service, needs=frozenset({service}), mounts=(left,)),
        container("b", image=image, project=project, service=left, auto_remove=True),
        supervisors=(by,),
        units=(FoundUnit(name=left, description=image),),
        silent=(silent,),
    )
    settings = read(machine)
    assert (set(settings.components), settings.healing.allow) == ({"a", "p"}, frozenset())
    assert settings.supervisors["main"].password.get_secret_value() == password

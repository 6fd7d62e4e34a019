"""Settings: what is taken, and in which words the rest is refused."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfheal.model.component import ProbeKind
from selfheal.model.errors import Permanent
from selfheal.settings.estate import Settings
from selfheal.settings.file import NOT_SETTINGS, load, parse

SECRET = "geheim-4711"
DEMO = {"url": "http://127.0.0.1:9001", "username": "demo", "password": SECRET}
BACKEND = {"probe": "http", "url": "http://127.0.0.1:8000/health", "supervisor": "demo", "program": "backend"}
BROKER = {"probe": "nats", "url": "nats://127.0.0.1:4222", "username": "demo", "password": SECRET}


def estate(**tables: Any) -> dict[str, Any]:
    """A small right estate, with some tables replaced."""
    return {"supervisors": {"demo": DEMO}, "components": {"backend": BACKEND, "broker": BROKER}} | tables


def refusal(values: dict[str, Any]) -> str:
    """The lines that tell what is wrong."""
    with pytest.raises(Permanent) as error:
        parse(values, source="selfheal.toml")
    head, _, lines = str(error.value).partition("\n")
    assert head == "wrong settings in selfheal.toml:"
    return lines


def component(**changes: Any) -> dict[str, Any]:
    return estate(components={"backend": BACKEND | changes})


def test_defaults_are_safe() -> None:
    """Without a file everything may be observed and nothing may be healed."""
    settings = parse({}, source="nothing")
    assert settings.healing.allow == frozenset()
    assert settings.healing.lease == timedelta(seconds=60)
    assert (settings.watching.sweep, settings.watching.strikes) == (timedelta(seconds=5), 3)
    assert parse(estate(), source="").healing.allow == frozenset()


def test_a_catalogue_names_targets_canonically() -> None:
    """Two components of one process have one target; one without a process is its probe's address."""
    again = BACKEND | {"url": "http://127.0.0.1:8000/other"}
    catalogue = parse(estate(components={"a": BACKEND, "b": again, "broker": BROKER}), source="").catalogue()
    assert catalogue["a"].target == catalogue["b"].target == "supervisor/demo/backend"
    assert catalogue["broker"].target == "nats/nats://127.0.0.1:4222"
    assert catalogue["broker"].credentials == ("demo", SECRET)
    assert catalogue["a"].probe is ProbeKind.HTTP


def test_a_container_is_a_target_of_the_docker_engine() -> None:
    """Whatever the probe, a component in a container is known by the container's name."""
    inside = {"probe": "http", "url": "http://127.0.0.1:8000/", "container": "agents-1"}
    web = parse({"components": {"web": inside}}, source="").catalogue()["web"]
    assert (web.target, web.keeper, web.unit) == ("docker/agents-1", "docker/docker", "agents-1")


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("2 s", 2),
        ("10 min", 600),
        ("500 ms", 0.5),
        ("5 h", 18000),
        ("30 d", 2592000),
        ("1.5s", 1.5),
        (7, 7),
        (0.25, 0.25),
    ],
)
def test_durations(written: object, seconds: float) -> None:
    """A number with its unit, or a number of seconds."""
    assert parse({"healing": {"cooldown": written}}, source="").healing.cooldown == timedelta(seconds=seconds)


@given(st.integers(1, 366 * 86400 * 1000))
def test_a_duration_is_the_same_in_every_unit(milliseconds: int) -> None:
    """The same time written in ms, in s and as a number is the same time."""
    seconds = milliseconds / 1000
    ways = [f"{milliseconds} ms", f"{seconds:.3f} s", seconds]
    read = {parse({"healing": {"cooldown": way}}, source="").healing.cooldown for way in ways}
    assert read == {timedelta(milliseconds=milliseconds)}


@given(st.one_of(st.text(max_size=20), st.floats(), st.integers(), st.booleans(), st.none(), st.lists(st.integers())))
def test_no_duration_brings_the_program_down(written: object) -> None:
    """Whatever is written for a duration is a positive time of at most a year, or refused by name."""
    try:
        lease = parse({"healing": {"cooldown": written}}, source="selfheal.toml").healing.cooldown
    except Permanent as error:
        assert "  healing.cooldown: " in str(error)  # noqa: PT017 - either is right, each with its own proof
    else:
        assert timedelta(0) < lease <= timedelta(days=366)


@pytest.mark.parametrize(
    "written", ["3 sec", "soon", "", "-1 s", -1, 0, True, "inf", float("inf"), float("nan"), 1e30, "9" * 30]
)
def test_what_is_no_duration_is_shown(written: object) -> None:
    """A wrong duration is refused with its name, the right way to write one or its limits, and the value."""
    told = refusal({"healing": {"cooldown": written}})
    assert told.startswith("  healing.cooldown: ")
    assert "write it like" in told or "longer than 0" in told
    assert told.endswith(f"(given: {written!r})")


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"healin": {}}, "healin: unknown setting; did you mean 'healing'?"),
        ({"healing": {"leese": 1}}, "healing.leese: unknown setting; did you mean 'lease'?"),
        ({"watching": {"swep": 1}}, "watching.swep: unknown setting; did you mean 'sweep'?"),
        ({"postgres": {"prot": 1}}, "postgres.prot: unknown setting; did you mean 'port'?"),
        ({"prefect": {"prot": 1}}, "prefect.prot: unknown setting; did you mean 'port'?"),
        (
            estate(supervisors={"demo": DEMO | {"pasword": SECRET}}),
            "supervisors.demo.pasword: unknown setting; did you mean 'password'?",
        ),
        (component(laddr=["x"]), "components.backend.laddr: unknown setting; did you mean 'ladder'?"),
        (
            {"alerts": {"routes": [{"severities": ["INFO"], "chanels": [], "channels": []}]}},
            "alerts.routes.0.chanels: unknown setting; did you mean 'channels'?",
        ),
        (component(memory={"mb": 1}), "components.backend.memory.mb: unknown setting; did you mean 'mib'?"),
        (
            {"zzz": 1},
            f"zzz: unknown setting; known: {', '.join(sorted(Settings.model_fields))}",
        ),
    ],
)
def test_unknown_names_are_refused_with_the_nearest(values: dict[str, Any], told: str) -> None:
    """At every level the wrong name, and the right one that is nearest, or all of them when none is near."""
    assert refusal(values) == f"  {told}"


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"healing": 3}, "healing: must be a table"),
        ({"healing": {"allow": "backend"}}, "healing.allow: must be a list, like"),
        ({"healing": {"at_once": 0}}, "healing.at_once: must be greater than or equal to 1 (given: 0)"),
        ({"watching": {"strikes": "many"}}, "watching.strikes: must be a valid integer"),
        ({"prefect": {"port": 70000}}, "prefect.port: must be 0 (any free one) or from 1024 to 65535 (given: 70000)"),
        ({"postgres": {"port": 1}}, "postgres.port: must be 0 (any free one) or from 1024 to 65535 (given: 1)"),
        ({"healing": {"lease": "1 ms"}}, "healing.lease: must be from 1 s to 600 s (given: '1 ms')"),
        ({"watching": {"sweep": "1 ms"}}, "watching.sweep: must be from 0.5 s to 3600 s (given: '1 ms')"),
        ({"estate": "No Way"}, "estate: must match pattern '^[a-z0-9_.-]{1,30}$' (given: 'No Way')"),
        ({"run_as": 3}, "run_as: must be text (given: 3)"),
        ({"supervisors": [1]}, "supervisors: must be a table"),
        ({"supervisors": {"demo": {}}}, "supervisors.demo.url: is required and missing"),
        (
            {"supervisors": {"demo": {"url": "ftp://x"}}},
            "supervisors.demo.url: must begin with http:// or unix:// (given: 'ftp://x')",
        ),
        ({"supervisors": {"de mo": DEMO}}, "supervisors.de mo: is no name here"),
        (
            component(probe="htp"),
            "components.backend.probe: must be 'http', 'nats', 'process', 'container', 'sql', 'sql-object', 'path'",
        ),
        (
            component(url="nats://x"),
            "components.backend.url: must begin with http:// or https:// for probe = \"http\" (given: 'nats://x')",
        ),
        (component(probe="nats"), "components.backend.url: must begin with nats://"),
        (component(program=""), "components.backend.program: is missing: supervisor and program belong together"),
        (component(supervisor=""), "components.backend.supervisor: is missing: supervisor and program belong together"),
        ({"components": {"a": {"probe": "process"}}}, 'components.a.program: is missing: probe = "process" needs'),
        (
            {"components": {"a": {"probe": "container"}}},
            'components.a.container: is missing: probe = "container" needs',
        ),
        (component(container="web"), "components.backend.container: and program exclude each other"),
        (
            {"components": {"a": {"probe": "container", "container": "../x"}}},
            "components.a.container: must match pattern",
        ),
        ({"docker": {"url": "http://x"}}, "docker.url: must match pattern"),
        (
            {"log_monitor": {"sources": {"a": {"component": "a", "file": "app.log"}}}},
            "log_monitor.sources.a.file: must be an absolute path, beginning with / (given: 'app.log')",
        ),
        ({"log_monitor": {"url": "http://x"}}, "log_monitor.url: must begin with nats:// or tls://"),
        ({"agent_health": {"url": "http://x"}}, "agent_health.url: must begin with nats:// or tls://"),
        (
            {"intake": {"nats": {"url": "http://x"}}},
            "intake.nats.url: must begin with nats:// or tls:// (given: 'http://x')",
        ),
        *(
            (
                {"intake": {"webhooks": {"kuma": {"component": "a"} | {name: path}}}},
                f"intake.webhooks.kuma.{name}: must name",
            )
            for name, path in (
                ("component", "///"),
                ("component", "/"),
                ("component", "."),
                ("id", "a..b"),
                ("items", "/a/"),
            )
        ),
        (
            {"alerts": {"routes": [{"severities": [], "channels": []}]}},
            "alerts.routes.0.severities: must name at least one",
        ),
        (component(program="../x"), "components.backend.program: must match pattern"),
        (component(ladder="restart-service"), "components.backend.ladder: must be a list"),
        (estate(components={"../x": BACKEND}), "components.../x: is no name here"),
        (estate(components={"a" * 51: BACKEND}), f"components.{'a' * 51}: is no name here"),
    ],
)
def test_a_wrong_value_is_refused_with_its_name(values: dict[str, Any], told: str) -> None:
    """Which setting, what is wrong with its value, and the value."""
    assert refusal(values).startswith(f"  {told}")


@pytest.mark.parametrize(
    "values",
    [
        {"heartbeat": {"url": f"hc.example/{SECRET}"}},
        {"intake": {"webhooks": {"a": {"component": "a", "secret": 4711}}}},
        component(clear_caches={"url": "http://x", "token": 4711}),
    ],
)
def test_a_secret_is_not_shown_however_wrong(values: dict[str, Any]) -> None:
    """Whatever it is called: what counts is that the settings keep it secret."""
    told = refusal(values)
    assert "(given: ***)" in told
    assert SECRET not in told
    assert "4711" not in told


def test_every_wrong_setting_is_told_at_once() -> None:
    """Two mistakes in two tables are two lines."""
    told = refusal({"healing": {"leese": 1}, "nats": {"port": -1}})
    assert told.splitlines() == [
        "  healing.leese: unknown setting; did you mean 'lease'?",
        "  nats.port: must be 0 (any free one) or from 1024 to 65535 (given: -1)",
    ]


def test_the_allow_list_names_components() -> None:
    """A name on the allow-list that no component has is refused with the nearest one."""
    assert refusal(estate(healing={"allow": ["backen"]})) == (
        "  healing.allow: no component is named 'backen'; did you mean 'backend'?"
    )


def test_a_component_names_its_supervisor() -> None:
    """A supervisor that is not described is refused with the nearest one."""
    assert refusal(component(supervisor="deno")) == (
        "  components.backend.supervisor: no supervisor is named 'deno'; did you mean 'demo'?"
    )


@pytest.mark.parametrize(
    "values",
    [
        estate(supervisors={"demo": DEMO | {"password": [SECRET]}}),
        estate(supervisors={"demo": DEMO | {"pasword": SECRET}}),
        estate(supervisors={"demo": {"url": f"http://me:{SECRET}@127.0.0.1"}}),
        estate(supervisors={"demo": {"url": f"ftp://me:{SECRET}@127.0.0.1"}}),
        estate(supervisors=[DEMO]),
        estate(supervisors=DEMO),
        estate(components={"broker": BROKER | {"url": f"nats://me:{SECRET}@127.0.0.1"}}),
        estate(components={"broker": BROKER | {"probe": "http"}}),
        estate(components={"broker": BROKER | {"supervisor": "demo"}}),
        estate(components={"broker": BROKER | {"probe": [SECRET]}}),
        estate(components=[BROKER]),
        estate(estate={"password": SECRET}),
    ],
)
def test_no_message_shows_a_secret(values: dict[str, Any]) -> None:
    """A password is not repeated, wherever it was written by mistake."""
    assert SECRET not in refusal(values)


def test_no_repr_shows_a_secret() -> None:
    """Settings and components can be logged."""
    settings = parse(estate(), source="")
    assert SECRET not in repr(settings) + str(settings) + repr(settings.catalogue()) + settings.model_dump_json()
    assert settings.supervisors["demo"].password.get_secret_value() == SECRET


FILE = """
[healing]
lease = "30 s"
allow = ["backend"]
[supervisors.demo]
url = "http://127.0.0.1:9001"
[components.backend]
probe = "http"
url = "http://127.0.0.1:8000/"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "selfheal.toml"
    path.write_text(FILE)
    return path


def test_a_file_is_read(file: Path) -> None:
    """TOML in, settings out; without variables the environment changes nothing."""
    settings = load(file, {"HOME": "/", "PREFECT_API_URL": "x"})
    assert (settings.healing.lease, settings.healing.allow) == (timedelta(seconds=30), {"backend"})


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("SELFHEAL_HEALING__LEASE", "3 s", lambda one: one.healing.lease == timedelta(seconds=3)),
        ("SELFHEAL_HEALING__LEASE", "3", lambda one: one.healing.lease == timedelta(seconds=3)),
        ("SELFHEAL_HEALING__LEASE", '"3 s"', lambda one: one.healing.lease == timedelta(seconds=3)),
        ("SELFHEAL_HEALING__ALLOW", "[]", lambda one: one.healing.allow == frozenset()),
        ("SELFHEAL_WATCHING__STRIKES", "5", lambda one: one.watching.strikes == 5),
        ("SELFHEAL_PREFECT__PORT", "0", lambda one: one.prefect.port == 0),
        ("SELFHEAL_ESTATE", "north", lambda one: one.estate == "north"),
        ("SELFHEAL_SUPERVISORS__DEMO__PASSWORD", "12345", lambda one: _password(one) == "12345"),
        ("SELFHEAL_SUPERVISORS__DEMO__PASSWORD", "[odd", lambda one: _password(one) == "[odd"),
        ("SELFHEAL_SUPERVISORS__DEMO__PASSWORD", "true", lambda one: _password(one) == "true"),
    ],
)
def test_the_environment_goes_over_the_file(file: Path, name: str, value: str, read: Any) -> None:
    """One variable changes one setting, and nothing else."""
    changed = load(file, {name: value})
    assert read(changed)
    section = name.split("_")[1].lower()
    assert changed.model_dump(exclude={section}) == load(file, {}).model_dump(exclude={section})


def _password(settings: Settings) -> str:
    return settings.supervisors["demo"].password.get_secret_value()


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        (
            {"SELFHEAL_HEALNG__LEASE": "3 s"},
            "SELFHEAL_HEALNG__LEASE: unknown variable; did you mean 'SELFHEAL_HEALING'?",
        ),
        ({"SELFHEAL_CONFG": "x"}, "SELFHEAL_CONFG: unknown variable; did you mean 'SELFHEAL_CONFIG'?"),
        (
            {"SELFHEAL_DATABASE_ULR": f"postgresql://u:{SECRET}@h/"},
            "SELFHEAL_DATABASE_ULR: unknown variable; did you mean 'SELFHEAL_DATABASE_URL'?",
        ),
        ({"SELFHEAL_HEALING__LEESE": "3 s"}, "healing.leese: unknown setting; did you mean 'lease'?"),
        ({"SELFHEAL_SUPERVISORS__DEMO__PASWORD": SECRET}, "supervisors.demo.pasword: unknown setting; did you mean"),
        ({"SELFHEAL_HEALING__LEASE": "soon"}, "healing.lease: is no duration"),
        ({"SELFHEAL_HEALING__LEASE": "1\nestate = 'x'"}, "healing.lease: is no duration"),
        ({"SELFHEAL_HEALING": "3"}, "healing: must be a table"),
        ({"SELFHEAL_HEALING__LEASE__X": "3"}, "SELFHEAL_HEALING__LEASE__X: lease is no table of settings"),
        ({"SELFHEAL_": "3"}, "SELFHEAL_: unknown variable"),
    ],
)
def test_wrong_variables_are_refused_by_name(file: Path, environment: dict[str, str], told: str) -> None:
    """A variable that names no setting is refused with the nearest; the message says which variable it was."""
    with pytest.raises(Permanent) as error:
        load(file, environment)
    assert f"\n  {told}" in str(error.value)
    assert next(iter(environment)) in str(error.value)
    assert SECRET not in str(error.value)


@pytest.mark.parametrize("name", sorted(NOT_SETTINGS))
def test_our_other_variables_are_no_settings(name: str) -> None:
    """Variables that say where things are change no setting and are not refused."""
    assert load(None, {name: "x"}) == load(None, {})


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"healing = [", "is no TOML: "), (b"estate = '\xff'", "is no TOML: "), (b"= 1", "is no TOML: ")],
)
def test_a_file_that_is_no_toml_is_refused(file: Path, content: bytes, told: str) -> None:
    """Broken syntax and broken text name the file."""
    file.write_bytes(content)
    with pytest.raises(Permanent, match=told) as error:
        load(file, {})
    assert str(file) in str(error.value)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """A missing file and a folder are named, with the system's reason."""
    with pytest.raises(Permanent, match=r"missing\.toml: No such file"):
        load(tmp_path / "missing.toml", {})
    with pytest.raises(Permanent, match="Is a directory"):
        load(tmp_path, {})


def test_a_wrong_setting_names_its_sources(file: Path) -> None:
    """The message tells whether to look into the file, at the environment, or at both."""
    file.write_text("estate = 'No Way'")
    with pytest.raises(Permanent) as from_file:
        load(file, {})
    with pytest.raises(Permanent) as from_both:
        load(file, {"SELFHEAL_HEALING__LEASE": "3 s"})
    assert str(from_file.value).startswith(f"wrong settings in {file}:\n")
    assert str(from_both.value).startswith(f"wrong settings in {file} and the environment (SELFHEAL_HEALING__LEASE):\n")


STOCK = {"database": "agents", "creates": "wms.stock", "sql": "CREATE VIEW wms.stock AS SELECT :'kind' AS kind"}
AGENTS = {"agents": {"url": "postgresql://127.0.0.1/agents"}}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"parameters": {"kidn": "x"}}, "migrations.stock.sql: :'kind' is no parameter of it; did you mean 'kidn'?"),
        ({"parameters": {}}, "migrations.stock.sql: :'kind' is no parameter of it"),
        ({"parameters": {"kind": "x", "more": 1}}, "migrations.stock.sql: does not use its parameter 'more'"),
        ({"parameters": {"kind; DROP": "x"}}, "migrations.stock.parameters.kind; DROP"),
        ({"creates": "wms.stock; DROP TABLE x"}, "migrations.stock.creates: "),
        ({"sql": "SELECT 1\x1f"}, "migrations.stock.sql: must not hold control characters"),
        ({"sql": "SELECT 'open"}, "migrations.stock.sql: ' at character 8 does not end"),
    ],
)
def test_a_wrong_migration_is_refused_before_anything_runs(changes: dict[str, Any], said: str) -> None:
    """Parameters, names and quotes are looked at when the settings are read."""
    one = STOCK | {"parameters": {"kind": "x"}} | changes
    assert said in refusal({"databases": AGENTS, "migrations": {"stock": one}})


@pytest.mark.parametrize("name", ["x'; DROP TABLE moves; --", "wms.x y", "wms", 'wms."x"', "wms.x.y"])
def test_an_object_with_sql_in_its_name_is_refused(name: str) -> None:
    """What is no plain `schema.name` is none, wherever it stands."""
    watched = {"probe": "sql-object", "database": "agents", "object": name}
    assert "components.stock.object" in refusal({"databases": AGENTS, "components": {"stock": watched}})

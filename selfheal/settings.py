"""What an operator sets: one TOML file, overridden by `SELFHEAL_...` variables; unknown names are refused.

Read by bootstrap and by the deployments. Every number has the default of the requirements.
"""

import os
import re
import tomllib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from selfheal.model.component import Component, ProbeKind
from selfheal.model.errors import Permanent
from selfheal.policy.names import nearest
from selfheal.wording import Wrong, explain

PREFIX = "SELFHEAL_"
ENGINE = "docker"
"""What components call the one Docker engine of the settings."""
NOT_SETTINGS = frozenset(
    {"SELFHEAL_CONFIG", "SELFHEAL_DATA", "SELFHEAL_DATABASE_URL", "SELFHEAL_FAILPOINT", "SELFHEAL_TEST_DOCKER"}
)

_FIRST_PORT, _LAST_PORT = 1024, 65535
_UNITS = {"ms": 0.001, "s": 1, "min": 60, "h": 3600, "d": 86400}
_DURATION = r"\s*([-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?)\s*(ms|s|min|h|d)?\s*"
_SHORTEST_S, _LONGEST_S = 1e-6, 366 * 86400


def _duration(value: Any) -> Any:
    """Seconds as a number, or a number with its unit: `2 s`, `10 min`, `500 ms`, `5 h`, `30 d`."""
    if isinstance(value, timedelta):
        return value
    match = None if isinstance(value, bool) else re.fullmatch(_DURATION, str(value))
    if match is None:
        raise ValueError('is no duration; write it like "2 s", "10 min", "500 ms", "5 h" or "30 d"')
    seconds = float(match[1]) * _UNITS[match[2] or "s"]
    if not _SHORTEST_S <= seconds <= _LONGEST_S:
        raise ValueError("must be longer than 0 and at most 366 d")
    return timedelta(seconds=seconds)


def _between(shortest: timedelta, longest: timedelta) -> Callable[[timedelta], timedelta]:
    """A duration that is neither spinning nor asleep."""

    def check(value: timedelta) -> timedelta:
        if not shortest <= value <= longest:
            raise ValueError(f"must be from {shortest.total_seconds():g} s to {longest.total_seconds():g} s")
        return value

    return check


def _port(value: int) -> int:
    """A port that an unprivileged server may listen on, or 0 for any."""
    if value != 0 and not _FIRST_PORT <= value <= _LAST_PORT:
        raise ValueError(f"must be 0 (any free one) or from {_FIRST_PORT} to {_LAST_PORT}")
    return value


def _address(value: str) -> str:
    """An address without a user and a password: those have settings of their own, which are never shown."""
    if "@" in value.partition("://")[2].partition("/")[0]:
        raise ValueError("must not hold a user or a password; set username and password instead")
    return value


Duration = Annotated[timedelta, BeforeValidator(_duration)]
Address = Annotated[str, AfterValidator(_address)]
ComponentName = Annotated[str, Field(pattern=r"^[a-z0-9_.-]{1,50}$")]
Port = Annotated[int, AfterValidator(_port)]
Lease = Annotated[Duration, AfterValidator(_between(timedelta(seconds=1), timedelta(minutes=10)))]
Turn = Annotated[Duration, AfterValidator(_between(timedelta(milliseconds=500), timedelta(hours=1)))]


class _Section(BaseModel):
    """A table of the file: frozen, and it refuses names that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Healing(_Section):
    """How heals are admitted and carried out."""

    allow: frozenset[str] = frozenset()  # names of components; empty: everything is observed, nothing is healed
    lease: Lease = timedelta(seconds=60)
    cooldown: Duration = timedelta(minutes=10)
    flap: Duration = timedelta(minutes=10)
    at_once: Annotated[int, Field(ge=1, le=64)] = 4


class Watching(_Section):
    """How the estate is watched."""

    sweep: Turn = timedelta(seconds=5)
    strikes: Annotated[int, Field(ge=1, le=100)] = 3
    recoveries: Annotated[int, Field(ge=1, le=100)] = 2
    reconcile: Turn = timedelta(seconds=30)
    platform_grace: Duration = timedelta(seconds=10)  # Docker restarts it by itself: act only if that has not helped


class EmbeddedServer(_Section):
    """An embedded server; port 0 picks a free one at first start and keeps it."""

    port: Port = 0


class PrefectServer(_Section):
    """The embedded Prefect server; its port is where the Prefect UI is found."""

    port: Port = 4200


class Supervisor(_Section):
    """A supervisord that runs components."""

    url: Annotated[Address, Field(pattern=r"^(http://|unix://)")]
    username: str = ""
    password: SecretStr = SecretStr("")
    timeout: Duration = timedelta(seconds=5)


class DockerEngine(_Section):
    """The Docker engine that runs components; asked only if one names a container."""

    url: Annotated[Address, Field(pattern=r"^(unix:///|tcp://)")] = "unix:///var/run/docker.sock"
    timeout: Duration = timedelta(seconds=5)


class ComponentSettings(_Section):
    """One component of the estate."""

    probe: ProbeKind
    url: Address = ""
    username: str = ""
    password: SecretStr = SecretStr("")
    supervisor: str = ""
    program: Annotated[str, Field(pattern=r"^([A-Za-z0-9_.-]{1,100})?$")] = ""
    container: Annotated[str, Field(pattern=r"^([a-zA-Z0-9][a-zA-Z0-9_.-]{0,127})?$")] = ""
    ladder: tuple[str, ...] = ()
    probe_timeout: Duration = timedelta(seconds=2)
    start_timeout: Duration = timedelta(seconds=60)
    healthy_delay: Duration = timedelta(seconds=5)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        """A probe needs what it asks; a program needs its supervisor; a component has one keeper."""
        scheme = {
            ProbeKind.HTTP: ("http://", "https://"),
            ProbeKind.NATS: ("nats://",),
            ProbeKind.PROCESS: ("",),
            ProbeKind.CONTAINER: ("",),
        }
        if not self.url.startswith(scheme[self.probe]):
            raise Wrong(
                "url", f'must begin with {scheme[self.probe][0]} for probe = "{self.probe}" (given: {self.url!r})'
            )
        if bool(self.supervisor) != bool(self.program):
            missing = "program" if self.supervisor else "supervisor"
            raise Wrong(missing, "is missing: supervisor and program belong together")
        if self.probe is ProbeKind.PROCESS and not self.program:
            raise Wrong("program", 'is missing: probe = "process" needs supervisor and program')
        if self.probe is ProbeKind.CONTAINER and not self.container:
            raise Wrong("container", 'is missing: probe = "container" needs the name of a Docker container')
        if self.container and self.program:
            raise Wrong("container", "and program exclude each other: one thing runs the component")
        return self


class Settings(_Section):
    """The whole file."""

    estate: Annotated[str, Field(pattern=r"^[a-z0-9_.-]{1,30}$")] = "estate"
    run_as: str = "nobody"  # the servers' user when started by root
    healing: Healing = Healing()
    watching: Watching = Watching()
    postgres: EmbeddedServer = EmbeddedServer()
    nats: EmbeddedServer = EmbeddedServer()
    prefect: PrefectServer = PrefectServer()
    docker: DockerEngine = DockerEngine()
    supervisors: dict[ComponentName, Supervisor] = Field(default_factory=dict)
    components: dict[ComponentName, ComponentSettings] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _refers(self) -> Self:
        """What one table names in another exists there."""
        for name, component in self.components.items():
            if component.supervisor and component.supervisor not in self.supervisors:
                raise Wrong(
                    f"components.{name}.supervisor",
                    f"no supervisor is named {component.supervisor!r}{nearest(component.supervisor, self.supervisors)}",
                )
        urls = [one.url for one in self.supervisors.values()]
        for name, one in self.supervisors.items():
            if urls.count(one.url) > 1:  # one program would have two targets, and be healed twice at once
                raise Wrong(f"supervisors.{name}.url", "another supervisor has the same url")
        for name in sorted(self.healing.allow - set(self.components)):
            raise Wrong("healing.allow", f"no component is named {name!r}{nearest(name, self.components)}")
        return self

    def catalogue(self) -> dict[str, Component]:
        """The components as the domain knows them, by name."""
        return {name: self._component(name, one) for name, one in self.components.items()}

    def _component(self, name: str, one: ComponentSettings) -> Component:
        """One component with its canonical target."""
        if one.container:
            target = f"docker/{one.container}"
        else:
            target = f"supervisor/{one.supervisor}/{one.program}" if one.program else f"{one.probe}/{one.url}"
        return Component(
            name=name,
            target=target[:200],  # as wide as its columns
            probe=one.probe,
            url=one.url,
            credentials=(one.username, one.password.get_secret_value()) if one.username else None,
            supervisor=one.supervisor,
            program=one.program,
            docker=ENGINE if one.container else "",
            container=one.container,
            ladder=one.ladder,
            probe_timeout=one.probe_timeout,
            start_timeout=one.start_timeout,
            healthy_delay=one.healthy_delay,
        )


def load(path: Path | None, environment: dict[str, str] | None = None) -> Settings:
    """Read the file (None: no file, defaults) and the environment over it.

    Raises:
        Permanent: the file cannot be read, or a setting is wrong: its name, what is wrong, the nearest right name.
    """
    values = {} if path is None else _read(path)
    given = os.environ if environment is None else environment
    overrides = sorted(name for name in given if name.startswith(PREFIX) and name not in NOT_SETTINGS)
    for name in overrides:
        _override(values, name, given[name])
    sources = ([str(path)] if path else []) + ([f"the environment ({', '.join(overrides)})"] if overrides else [])
    return parse(values, source=" and ".join(sources) or "the defaults")


def parse(values: dict[str, Any], *, source: str) -> Settings:
    """Settings from plain values.

    Raises:
        Permanent: names every wrong setting, one a line.
    """
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        problems = "\n".join(f"  {explain(one, Settings)}" for one in error.errors(include_url=False))
        raise Permanent(f"wrong settings in {source}:\n{problems}") from None


def _read(path: Path) -> dict[str, Any]:
    """The file as plain values."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Permanent(f"cannot read the settings file {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Permanent(f"the settings file {path} is no TOML: {error}") from error


def _override(values: dict[str, Any], name: str, text: str) -> None:
    """Put one `SELFHEAL_SECTION__KEY=value` in its place; lists and quoted text are read as TOML, the rest as it is.

    Raises:
        Permanent: the variable names no setting.
    """
    *sections, key = name.removeprefix(PREFIX).lower().split("__")
    top = [*sections, key][0]
    if top not in Settings.model_fields:
        known = {PREFIX + field.upper() for field in Settings.model_fields} | NOT_SETTINGS
        near = nearest(name.partition("__")[0], known)
        raise Permanent(f"wrong settings in the environment:\n  {name}: unknown variable{near}")
    for section in sections:
        values = values.setdefault(section, {})
        if not isinstance(values, dict):
            raise Permanent(f"wrong settings in the environment:\n  {name}: {section} is no table of settings")
    values[key] = _plain(text)


def _plain(text: str) -> Any:
    """A variable's value. Numbers stay text, which every setting takes: a password may be one."""
    try:
        read = tomllib.loads(f"value = {text}") if text.startswith(("[", "{", '"', "'")) else {}
    except tomllib.TOMLDecodeError:
        return text
    return read["value"] if read.keys() == {"value"} else text

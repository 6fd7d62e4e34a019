"""What an operator sets: one TOML file, overridden by `SELFHEAL_...` variables; unknown names are refused.

Read by bootstrap and by the deployments. Every number has the default of the requirements.
"""

import os
import re
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
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

PREFIX = "SELFHEAL_"
NOT_SETTINGS = frozenset({"SELFHEAL_CONFIG", "SELFHEAL_DATA", "SELFHEAL_DATABASE_URL", "SELFHEAL_FAILPOINT"})

_UNITS = {"ms": 0.001, "s": 1, "min": 60, "h": 3600, "d": 86400}


def _duration(value: Any) -> Any:
    """Seconds as a number, or a number with its unit: `2 s`, `10 min`, `500 ms`, `5 h`, `30 d`."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return timedelta(seconds=value)
    if isinstance(value, str):
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|min|h|d)\s*", value)
        if match is None:
            raise ValueError('is no duration; write it like "2 s", "10 min", "500 ms", "5 h" or "30 d"')
        return timedelta(seconds=float(match[1]) * _UNITS[match[2]])
    return value


Duration = Annotated[timedelta, BeforeValidator(_duration), Field(gt=timedelta(0))]
ComponentName = Annotated[str, Field(pattern=r"^[a-z0-9_.-]{1,50}$")]
Port = Annotated[int, Field(ge=0, le=65535)]


class _Section(BaseModel):
    """A table of the file: frozen, and it refuses names that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Healing(_Section):
    """How heals are admitted and carried out."""

    allow: frozenset[str] = (
        frozenset()
    )  # names of components; empty: everything is observed, nothing is healed
    lease: Duration = timedelta(seconds=60)
    cooldown: Duration = timedelta(minutes=10)
    flap: Duration = timedelta(minutes=10)
    at_once: Annotated[int, Field(ge=1, le=64)] = 4


class Watching(_Section):
    """How the estate is watched."""

    sweep: Duration = timedelta(seconds=5)
    strikes: Annotated[int, Field(ge=1, le=100)] = 3
    recoveries: Annotated[int, Field(ge=1, le=100)] = 2
    reconcile: Duration = timedelta(seconds=30)


class EmbeddedServer(_Section):
    """An embedded server; port 0 picks a free one at first start and keeps it."""

    port: Port = 0


class PrefectServer(_Section):
    """The embedded Prefect server; its port is where the Prefect UI is found."""

    port: Port = 4200


class Supervisor(_Section):
    """A supervisord that runs components."""

    url: str = Field(pattern=r"^(http://|unix://)")
    username: str = ""
    password: SecretStr = SecretStr("")
    timeout: Duration = timedelta(seconds=5)


class ComponentSettings(_Section):
    """One component of the estate."""

    probe: ProbeKind
    url: str = ""
    username: str = ""
    password: SecretStr = SecretStr("")
    supervisor: str = ""
    program: Annotated[str, Field(pattern=r"^([A-Za-z0-9_.-]{1,100})?$")] = ""
    ladder: tuple[str, ...] = ()
    probe_timeout: Duration = timedelta(seconds=2)
    start_timeout: Duration = timedelta(seconds=60)
    healthy_delay: Duration = timedelta(seconds=5)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        """A probe needs what it asks; a program needs its supervisor."""
        scheme = {
            ProbeKind.HTTP: ("http://", "https://"),
            ProbeKind.NATS: ("nats://",),
            ProbeKind.PROCESS: ("",),
        }
        if not self.url.startswith(scheme[self.probe]):
            raise ValueError(f'url must begin with {scheme[self.probe][0]} for probe = "{self.probe}"')
        if bool(self.supervisor) != bool(self.program):
            raise ValueError("supervisor and program belong together: set both or none")
        if self.probe is ProbeKind.PROCESS and not self.program:
            raise ValueError('probe = "process" needs supervisor and program')
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
    supervisors: dict[ComponentName, Supervisor] = Field(default_factory=dict)
    components: dict[ComponentName, ComponentSettings] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _refers(self) -> Self:
        """What one table names in another exists there."""
        for name, component in self.components.items():
            if component.supervisor and component.supervisor not in self.supervisors:
                raise ValueError(
                    f"components.{name}.supervisor: no supervisor is named {component.supervisor!r}"
                    + nearest(component.supervisor, self.supervisors)
                )
        for name in sorted(self.healing.allow - set(self.components)):
            raise ValueError(
                f"healing.allow: no component is named {name!r}" + nearest(name, self.components)
            )
        return self

    def catalogue(self) -> dict[str, Component]:
        """The components as the domain knows them, by name."""
        return {name: self._component(name, one) for name, one in self.components.items()}

    def _component(self, name: str, one: ComponentSettings) -> Component:
        """One component with its canonical target."""
        target = f"supervisor/{one.supervisor}/{one.program}" if one.program else f"{one.probe}/{one.url}"
        return Component(
            name=name,
            target=target,
            probe=one.probe,
            url=one.url,
            credentials=(one.username, one.password.get_secret_value()) if one.username else None,
            supervisor=one.supervisor,
            program=one.program,
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
    source = str(path) if path else "the environment"
    for name, text in (os.environ if environment is None else environment).items():
        if name.startswith(PREFIX) and name not in NOT_SETTINGS:
            _override(values, name, text)
    return parse(values, source=source)


def parse(values: dict[str, Any], *, source: str) -> Settings:
    """Settings from plain values.

    Raises:
        Permanent: names every wrong setting, one a line.
    """
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        problems = "\n".join(f"  {_explain(one)}" for one in error.errors(include_url=False))
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
    """Put one `SELFHEAL_SECTION__KEY=value` in its place; the value is read as TOML where it is TOML."""
    *sections, key = name.removeprefix(PREFIX).lower().split("__")
    for section in sections:
        values = values.setdefault(section, {})
    try:
        values[key] = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        values[key] = text


def _explain(problem: Any) -> str:
    """`healing.leese: unknown setting; did you mean 'lease'?`."""
    place = [str(part) for part in problem["loc"]]
    if problem["type"] == "extra_forbidden":
        return f"{'.'.join(place)}: unknown setting" + nearest(place[-1], _names_beside(place))
    message = str(problem["msg"]).removeprefix("Value error, ")
    given = "" if problem["type"] == "value_error" and not place else f" (given: {_shown(problem)})"
    return f"{'.'.join(place)}: {message}{given}" if place else message


def _shown(problem: Any) -> str:
    """The wrong value, short, and never a secret's."""
    secret = any("password" in str(part) for part in problem["loc"])
    return "***" if secret or isinstance(problem["input"], dict | BaseModel) else repr(problem["input"])[:80]


def _names_beside(place: list[str]) -> list[str]:
    """The names that the table at this place knows."""
    tables: dict[str, type[BaseModel]] = {"supervisors": Supervisor, "components": ComponentSettings}
    if len(place) == 1:
        return list(Settings.model_fields)
    section = Settings.model_fields[place[0]].annotation
    model = tables.get(place[0], section)
    return list(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else []

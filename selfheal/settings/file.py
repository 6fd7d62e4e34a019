"""Reads the settings: one TOML file, overridden by `SELFHEAL_...` variables; unknown names are refused.

Bootstrap, the deployments and the command line call this.
"""

import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from selfheal.model.errors import Permanent
from selfheal.policy.names import nearest
from selfheal.settings.estate import Settings
from selfheal.settings.wording import explain

PREFIX = "SELFHEAL_"
NOT_SETTINGS = frozenset(
    {
        "SELFHEAL_API_DATABASE_URL",
        "SELFHEAL_CONFIG",
        "SELFHEAL_DATA",
        "SELFHEAL_DATABASE_URL",
        "SELFHEAL_FAILPOINT",
        "SELFHEAL_TEST_DOCKER",
        "SELFHEAL_OPEN_DOOR",
        "SELFHEAL_TOKEN",
        "SELFHEAL_SPOOL",
        "SELFHEAL_WEB_URL",
    }
)


class WrongSettings(Permanent):
    """Settings that are refused.

    Args:
        problems: what is wrong, each beginning with the setting's place.
        source: where they came from.
        hint: what to do; empty where the problems say it.
    """

    def __init__(self, problems: Sequence[str], *, source: str, hint: str = "") -> None:
        super().__init__("\n".join([f"wrong settings in {source}:", *(f"  {one}" for one in problems)]), hint=hint)
        self.problems = tuple(problems)


def load(path: Path | None, environment: Mapping[str, str] | None = None) -> Settings:
    """Read the file (None: no file, defaults) and the environment over it.

    Raises:
        Permanent: the file cannot be read, or a setting is wrong: its name, what is wrong, the nearest right name.
    """
    return interpret("" if path is None else text_of(path), path=path, environment=environment)


def interpret(text: str, *, path: Path | None, environment: Mapping[str, str] | None = None) -> Settings:
    """The settings that the text of a file means, with the environment over it.

    Args:
        text: TOML.
        path: where it stands, for the messages; None: nowhere.
        environment: else that of this process.

    Raises:
        Permanent: as `load`.
    """
    given = os.environ if environment is None else environment
    names = variables(given)
    sources = ([str(path)] if path else []) + ([f"the environment ({', '.join(names)})"] if names else [])
    return parse(gathered(text, path=path, environment=given), source=" and ".join(sources) or "the defaults")


def gathered(text: str, *, path: Path | None, environment: Mapping[str, str]) -> dict[str, Any]:
    """The plain values of a file's text, with the environment over them; raises what `load` raises."""
    values = _toml(text, path)
    for name in variables(environment):
        _override(values, name, environment[name])
    return values


def text_of(path: Path) -> str:
    """The file's text.

    Raises:
        Permanent: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise Permanent(f"cannot read the settings file {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Permanent(f"the settings file {path} is no TOML: {error}") from error


def parse(values: dict[str, Any], *, source: str) -> Settings:
    """Settings from plain values.

    Raises:
        Permanent: names every wrong setting, one a line.
    """
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        problems = [explain(one, Settings) for one in error.errors(include_url=False)]
        raise WrongSettings(problems, source=source) from None


def variables(environment: Mapping[str, str]) -> list[str]:
    """The names of the variables that override a setting."""
    return sorted(name for name in environment if name.startswith(PREFIX) and name not in NOT_SETTINGS)


def place_of(variable: str) -> list[str]:
    """The tables and the setting that a variable names."""
    return variable.removeprefix(PREFIX).lower().split("__")


def read(path: Path) -> dict[str, Any]:
    """The file as plain values.

    Raises:
        Permanent: it cannot be read, or is no TOML.
    """
    return _toml(text_of(path), path)


def _toml(text: str, path: Path | None) -> dict[str, Any]:
    """The text as plain values."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Permanent(f"the settings file {path} is no TOML: {error}") from error


def _override(values: dict[str, Any], name: str, text: str) -> None:
    """Put one `SELFHEAL_SECTION__KEY=value` in its place; lists and quoted text are read as TOML, the rest as it is.

    Raises:
        Permanent: the variable names no setting.
    """
    *sections, key = place_of(name)
    top = [*sections, key][0]
    if top not in Settings.model_fields:
        known = {PREFIX + field.upper() for field in Settings.model_fields} | NOT_SETTINGS
        near = nearest(name.partition("__")[0], known)
        raise WrongSettings([f"{name}: unknown variable{near}"], source="the environment")
    for section in sections:
        values = values.setdefault(section, {})
        if not isinstance(values, dict):
            raise WrongSettings([f"{name}: {section} is no table of settings"], source="the environment")
    values[key] = plain_value(text)


def plain_value(text: str) -> Any:
    """What a variable or an option says. Numbers stay text, which every setting takes: a password may be one."""
    try:
        read = tomllib.loads(f"value = {text}") if text.startswith(("[", "{", '"', "'")) else {}
    except tomllib.TOMLDecodeError:
        return text
    return read["value"] if read.keys() == {"value"} else text

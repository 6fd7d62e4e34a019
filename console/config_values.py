"""What `selfheal config show` lists: each setting in force, and where it comes from."""

import os
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from console.output import Cell
from selfheal.settings.estate import Settings
from selfheal.settings.file import load, place_of, read, variables
from selfheal.settings.values import in_words


def rows(path: Path | None) -> list[dict[str, Cell]]:
    """One row per setting; of tables of one's own also what they leave to the default.

    Raises:
        Permanent: the settings are wrong.
    """
    settings = load(path)
    from_file = dict(_leaves({} if path is None else read(path)))
    from_variable = {tuple(place_of(name)): name for name in variables(os.environ)}
    return [
        {"setting": ".".join(place), "value": _shown(value), "from": _source(place, from_file, from_variable)}
        for place, value in _leaves(_plain(settings))
    ]


def _plain(settings: Settings) -> dict[str, Any]:
    return settings.model_dump()


def _leaves(table: Mapping[str, Any], place: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*place, name))
        else:
            yield (*place, name), value


def _source(place: tuple[str, ...], from_file: Mapping[tuple[str, ...], Any], named: Mapping[Any, str]) -> str:
    """A variable may also hold the whole table that the setting is in."""
    for length in range(len(place), 0, -1):
        if place[:length] in named:
            return named[place[:length]]
    return "the file" if place in from_file else "default"


def _shown(value: Any) -> Cell:
    if isinstance(value, SecretStr):
        return "***" if value.get_secret_value() else ""
    if isinstance(value, timedelta):
        return in_words(value)
    if isinstance(value, tuple | frozenset | set | list):
        return ", ".join(sorted(value) if isinstance(value, frozenset | set) else map(str, value))
    return value if isinstance(value, bool | int | float) else str(value)

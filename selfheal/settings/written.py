"""Settings written as a file again, for a process that must not know their secrets."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, SecretStr

from selfheal.settings.values import Section, WebSecret


def without_secrets(values: Mapping[str, Any], settings: BaseModel | Mapping[str, Any]) -> dict[str, Any]:
    """The plain values without those that are secret, but for what the web server itself must check.

    Args:
        values: that the settings were made from.
        settings: or a part of them, which tell what is secret.
    """
    kept = {}
    withheld = settings.withheld if isinstance(settings, Section) else frozenset()
    for name, value in values.items():
        if name in withheld:
            continue
        one: Any = settings.get(name) if isinstance(settings, Mapping) else getattr(settings, name)
        hidden = isinstance(one, SecretStr) and not isinstance(one, WebSecret)
        if not hidden:
            tables = isinstance(value, Mapping) and isinstance(one, BaseModel | Mapping)
            kept[name] = without_secrets(value, one) if tables else value
    return kept


def as_file(values: Mapping[str, Any]) -> str:
    """The values as TOML, one line for each at the top."""
    return "".join(f"{_quoted(name)} = {_value(one)}\n" for name, one in values.items())


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_quoted(name)} = {_value(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, str):
        return _quoted(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _quoted(text: str) -> str:
    """JSON's strings are TOML's, but for one character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")

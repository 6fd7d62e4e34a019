"""What `--set` asks: settings as they would be, validated by the settings themselves."""

import tomllib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from pydantic import BaseModel

from selfheal.model.errors import Permanent
from selfheal.policy.log_patterns import REFERENCE
from selfheal.policy.names import nearest
from selfheal.settings.estate import Settings
from selfheal.settings.file import parse, plain_value
from selfheal.settings.values import in_words

USED = (
    "actions.*.mode",
    "breakers.*",
    "components.*.critical",
    "components.*.depends_on",
    "components.*.ladder",
    "components.*.start_timeout",
    "costs.failure",
    "costs.minute",
    "healing.allow",
    "healing.at_once",
    "healing.attempts_per_action",
    "healing.attempts_per_fault",
    "healing.attempts_within",
    "healing.cooldown",
    "healing.flap",
    "healing.group_from",
    "healing.group_share",
    "healing.in_10_minutes",
    "healing.in_an_hour",
    "healing.long_window",
    "healing.longest_cooldown",
    "healing.parents_first",
    "healing.short_window",
    "healing.storm_estate",
    "healing.storm_group",
    "healing.storm_quiet",
    "healing.storm_within",
    "log_monitor.patterns.*.off",
    "log_monitor.patterns.*.severity",
    "log_monitor.patterns.*.tells",
    "log_monitor.patterns.*.threshold",
    "log_monitor.sources.*.suspects",
    "log_monitor.window",
    "prediction.disk_limit",
    "prediction.errors_for",
    "prediction.errors_per_hour",
    "prediction.horizon",
    "prediction.limits.*",
    "prediction.memory_high",
    "prediction.memory_high_for",
    "prediction.memory_limit",
    "prediction.preempt.*",
    "prediction.response_rise",
    "prediction.response_rise_over",
    "watching.platform_grace",
    "watching.recoveries",
    "watching.strikes",
)
"""The settings that what is replayed goes by; `*` is a name."""


def changed(settings: Settings, asked: Sequence[str]) -> Settings:
    """The settings with these changes, each `path=value`.

    Raises:
        Permanent: one is no setting, none that a replay goes by, or its value is wrong; says which.
    """
    values, seen = settings.model_dump(exclude_unset=True), set[str]()
    for one in asked:
        words, equals, value = one.partition("=")
        if not equals:
            raise Permanent(f"{one[:100]!r} sets nothing", hint="write it like watching.strikes=2")
        path = _path(words.strip(), settings)
        _refuse_unused(path)
        if ".".join(path) in seen:
            raise Permanent(f"{'.'.join(path)} is set twice", hint="replay once for each value")
        seen.add(".".join(path))
        _put(values, path, plain_value(value.strip()))
    return parse(values, source="--set")


def differences(was: Settings, would: Settings, asked: Sequence[str]) -> tuple[tuple[str, str, str], ...]:
    """Of each change its path, and its value as it is and as it would be, in words."""
    paths = [_path(one.partition("=")[0].strip(), was) for one in asked]
    return tuple((".".join(path), _words(was, path), _words(would, path)) for path in paths)


def _words(settings: Settings, path: Sequence[str]) -> str:
    """A setting's value as a person writes it."""
    at: Any = settings
    for part in path:
        at = getattr(at, part, None) if isinstance(at, BaseModel) else (at or {}).get(part)
    if isinstance(at, timedelta):
        return in_words(at)
    if isinstance(at, frozenset | tuple):
        return ", ".join(sorted(in_words(one) if isinstance(one, timedelta) else str(one) for one in at)) or "none"
    return "as it is without" if at is None else str(at)


def _path(words: str, settings: Settings) -> list[str]:
    """The parts of a setting's path; a name with a dot in it is found as it is, or stands in quotes."""
    parts = _parts(words)
    found: list[str] = []
    at: Any = settings
    while parts:
        known = _names(at, found, settings)
        count = next((n for n in range(len(parts), 0, -1) if ".".join(parts[:n]) in known), 0)
        if not count:
            place = ".".join([*found, parts[0]])
            raise Permanent(f"{place[:100]}: unknown setting{nearest(parts[0], known)}")
        name = ".".join(parts[:count])
        at = getattr(at, name, None) if isinstance(at, BaseModel) else at.get(name)
        found, parts = [*found, name], parts[count:]
        if at is None and parts:  # the file says nothing of it yet
            return [*found, *parts]
    return found


def _parts(words: str) -> list[str]:
    """As TOML reads a dotted key."""
    try:
        read: Any = tomllib.loads(f"{words} = 0")
    except tomllib.TOMLDecodeError as error:
        raise Permanent(f"{words[:100]!r} names no setting", hint="write it like watching.strikes") from error
    parts = []
    while isinstance(read, dict):
        ((name, read),) = read.items()
        parts.append(name)
    return parts


def _names(at: Any, found: Sequence[str], settings: Settings) -> set[str]:
    """What can stand here: settings, or names, also those that the file need not tell anything of."""
    if isinstance(at, BaseModel):
        return set(type(at).model_fields)
    if not isinstance(at, Mapping):
        return set()
    untold = {
        "actions": {action for one in settings.components.values() for action in one.ladder},
        "log_monitor.patterns": {one.name for one in REFERENCE},
    }
    if list(found[:2]) == ["prediction", "limits"]:
        return _Anything()
    return {*at, *untold.get(".".join(found), ())}


class _Anything(set[str]):
    """Any one word: of what has a limit, only what was measured knows the names."""

    def __contains__(self, name: object) -> bool:
        return "." not in str(name)


def _refuse_unused(path: Sequence[str]) -> None:
    for used in USED:
        parts = used.split(".")
        if len(parts) <= len(path) and all(one in ("*", there) for one, there in zip(parts, path, strict=False)):
            return
    near = [one for one in USED if one.split(".")[0] == path[0]] or USED
    raise Permanent(
        f"no rule that is replayed goes by {'.'.join(path)[:100]}", hint=f"these can be set: {', '.join(near)}"
    )


def _put(values: dict[str, Any], path: Sequence[str], value: Any) -> None:
    for part in path[:-1]:
        values = values.setdefault(part, {})
    values[path[-1]] = value

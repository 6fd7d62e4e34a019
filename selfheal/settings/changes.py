"""What differs between two settings, in words for a person: `selfheal reload` shows it before it counts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pydantic import BaseModel, SecretStr

from selfheal.settings.estate import Settings
from selfheal.settings.values import in_words
from selfheal.settings.wording import masked

NEEDS_RESTART = (
    *("run_as", "postgres", "nats", "prefect", "logging"),
    *("web.enabled", "web.port", "web.host", "web.public_url"),
)
"""What the running servers and the supervisor were started with."""
_NAMED = (
    *("components", "supervisors", "databases", "migrations", "actions", "intake.webhooks", "alerts.channels"),
    *("log_monitor.sources", "log_monitor.patterns"),
)
_LONGEST = 60


@dataclass(frozen=True, kw_only=True)
class Change:
    """One difference.

    Attributes:
        setting: its name in the file.
        change: added, removed, changed, "may now be healed" or "no longer healed".
        was: before; empty: not set, or a secret.
        now: afterwards.
        needs_restart: it counts only after a restart of `selfheal up`.
    """

    setting: str
    change: str
    was: str = ""
    now: str = ""
    needs_restart: bool = False


def differences(old: Settings, new: Settings) -> tuple[Change, ...]:
    """Every difference, the allow-list first."""
    return (*_allowed(old.healing.allow, new.healing.allow), *_below("", _plain(old), _plain(new)))


def _allowed(old: frozenset[str], new: frozenset[str]) -> Iterator[Change]:
    """The allow-list name by name: what may be touched is what a person must not overlook."""
    for name in sorted(new - old):
        yield Change(setting="healing.allow", change="may now be healed", now=name)
    for name in sorted(old - new):
        yield Change(setting="healing.allow", change="no longer healed", was=name)


def _plain(settings: Settings) -> dict[str, Any]:
    """Tables within tables; the allow-list is told apart."""
    values: dict[str, Any] = _tables(settings)
    values["healing"].pop("allow")
    return values


def _tables(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return {name: _tables(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, Mapping):
        return {name: _tables(one) for name, one in value.items()}
    return value


def _below(place: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    """The differences of one table; a named thing that comes or goes is one difference."""
    for name in [*old, *(name for name in new if name not in old)]:
        setting = f"{place}{name}"
        was, now = old.get(name), new.get(name)
        if was == now:
            continue
        if place.removesuffix(".") in _NAMED and (name not in old or name not in new):
            yield Change(setting=setting, change="removed" if name in old else "added")
        elif isinstance(was, Mapping) and isinstance(now, Mapping):
            yield from _below(f"{setting}.", was, now)
        else:
            yield Change(
                setting=setting,
                change="changed",
                was=_shown(was),
                now=_shown(now),
                needs_restart=f"{setting}.".startswith(tuple(f"{one}." for one in NEEDS_RESTART)),
            )


def _shown(value: Any) -> str:
    """A value, short; never a secret."""
    if value is None or isinstance(value, SecretStr):
        return ""
    if isinstance(value, timedelta):
        value = in_words(value)
    if isinstance(value, frozenset | tuple):
        value = ", ".join(sorted(map(str, value)) if isinstance(value, frozenset) else map(str, value)) or "none"
    text = masked(" ".join(str(value).split()))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"

"""The kinds of values that settings are made of; each says in words what it does not take."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, WithJsonSchema

_FIRST_PORT, _LAST_PORT = 1024, 65535
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
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


def in_words(value: timedelta) -> str:
    """As a person writes it, in the largest unit that leaves a whole number: `60 s` is `1 min`."""
    milliseconds = round(value / timedelta(milliseconds=1))
    for unit, seconds in sorted(_UNITS.items(), key=lambda one: -one[1]):
        count, left = divmod(milliseconds, round(seconds * 1000))
        if count and not left:
            return f"{count} {unit}"
    return f"{value.total_seconds():g} s"


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


def _plain(value: str) -> str:
    """Text of lines: a tab and an end of line are the only control characters in it."""
    if _CONTROL.search(value):
        raise ValueError("must not hold control characters")
    return value


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    WithJsonSchema(
        {
            "title": "duration",
            "anyOf": [
                {"type": "string", "pattern": r"^\s*\d+(\.\d+)?(e[-+]?\d+)?\s*(ms|s|min|h|d)?\s*$"},
                {"type": "number", "exclusiveMinimum": 0, "maximum": _LONGEST_S},
            ],
            "examples": ["500 ms", "2 s", "10 min", "5 h", "30 d"],
        }
    ),
]
WITHOUT_LOGIN = AfterValidator(_address)
"""What an address of a kind of its own ends with: `Annotated[str, Field(pattern=...), WITHOUT_LOGIN]`. A pattern that
came after it would be missing in the published schema."""
Address = Annotated[str, WITHOUT_LOGIN]
Broker = Annotated[str, Field(pattern=r"^((nats|tls)://\S+)?$"), WITHOUT_LOGIN]
"""The address of a NATS server, or nothing."""
Subject = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$", max_length=200)]
"""A subject of NATS, without wildcards."""
Percent = Annotated[float, Field(gt=0, le=100)]
Mode = Literal["observe", "shadow", "approve", "auto"]
"""`ActionMode`, as an operator writes it."""
ComponentName = Annotated[str, Field(pattern=r"^[a-z0-9_.-]{1,50}$")]
ObjectName = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]{0,62}\.[a-z_][a-z0-9_]{0,62}$")]
"""Of a table, view or materialized view: its schema and its name, unquoted."""
PLAIN = AfterValidator(_plain)
"""What a text ends with that may have several lines, and is stored and hashed."""
Port = Annotated[
    int,
    AfterValidator(_port),
    WithJsonSchema(
        {
            "title": "port",
            "type": "integer",
            "anyOf": [{"const": 0}, {"minimum": _FIRST_PORT, "maximum": _LAST_PORT}],
        }
    ),
]
Lease = Annotated[Duration, AfterValidator(_between(timedelta(seconds=1), timedelta(minutes=10)))]
Turn = Annotated[Duration, AfterValidator(_between(timedelta(milliseconds=500), timedelta(hours=1)))]


class WebSecret(SecretStr):
    """A secret that the web server's process is given too, since it must check it: no other one is."""


def login(username: str, password: SecretStr) -> tuple[str, str] | None:
    """User and password for a server; None: it asks for none."""
    return (username, password.get_secret_value()) if username else None


class Section(BaseModel):
    """A table of the file: frozen, and it refuses names that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    withheld: ClassVar[frozenset[str]] = frozenset()
    """Settings in it that make no sense without their secrets, and are not given to who must not know those."""

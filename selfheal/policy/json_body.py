"""What strangers send as JSON: read strictly, and found by pointers. `policy.intake` works on it."""

import json
from typing import Any, NoReturn

from selfheal.model.errors import Permanent

LONGEST_TEXT = 2000


class Unreadable(Permanent):
    """A body that cannot be meant; nothing of it is kept."""


def parsed(body: bytes) -> Any:
    """The body's value.

    Raises:
        Unreadable: it is no JSON (NaN is none), no UTF-8, or nested too deeply.
    """
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_no_number)
    except RecursionError:
        raise Unreadable("the body is nested too deeply") from None
    except ValueError as error:
        raise Unreadable(f"the body is no JSON: {str(error)[:100]}") from None


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")


def at(value: Any, path: str) -> Any:
    """What stands at a JSON pointer (`/alerts/0/name`) or a dotted path (`alerts.0.name`); None: nothing does."""
    for step in steps_of(path):
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isdecimal() and len(step) < 6 and int(step) < len(value):  # noqa: PLR2004
            value = value[int(step)]
        else:
            return None
    return value


def steps_of(path: str) -> list[str]:
    """The names and numbers that a JSON pointer or a dotted path leads through."""
    if path.startswith("/"):
        return [one.replace("~1", "/").replace("~0", "~") for one in path[1:].split("/")]
    return path.split(".")


def text_at(value: Any, path: str) -> str:
    """The same as one line of text; empty where there is none, or where it is no single value."""
    return line(at(value, path)) if path else ""


def line(value: Any) -> str:
    """A single value as one line of printable text, of bounded length."""
    if isinstance(value, bool) or value is None or not isinstance(value, str | int | float):
        return ""
    printable = (letter if letter.isprintable() else " " for letter in str(value)[:LONGEST_TEXT])
    return " ".join("".join(printable).split())

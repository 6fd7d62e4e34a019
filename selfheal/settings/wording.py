"""Says what is wrong with a setting: its name, what is wrong with its value, and the nearest right name.

`settings` hands over what pydantic found. A value is shown when it is a single one and no secret.
"""

import re
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr

from selfheal.policy.names import nearest

_MEANS = {
    "missing": "is required and missing",
    "frozen_set_type": 'must be a list, like ["backend", "broker"]',
    "tuple_type": 'must be a list, like ["restart-service"]',
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "string_type": "must be text",
    "too_short": "must name at least one",
}
_SHAPES = {
    "^(/.*)?$": "must be an absolute path, beginning with /",
    r"^((nats|tls)://\S+)?$": "must begin with nats:// or tls://",
    r"^(https?://\S+)?$": "must begin with http:// or https://",
    "^(http://|unix://)": "must begin with http:// or unix://",
}
"""In words what is told of a value that does not fit the pattern of its setting."""
_WITHOUT_VALUE = frozenset({"missing", "dict_type", "model_type", "too_short"})


class Wrong(ValueError):
    """A setting that only looks wrong beside another one; raised by validators of a whole table.

    Args:
        name: the setting, below the table.
        text: what is wrong with it.
    """

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f".{name}: {text}")


def explain(problem: Any, root: type[BaseModel]) -> str:
    """One problem in one line, e.g. `healing.leese: unknown setting; did you mean 'lease'?`.

    Args:
        problem: one of `ValidationError.errors()`.
        root: the model of the whole file.
    """
    place = [str(part) for part in problem["loc"]]
    kind, message = problem["type"], str(problem["msg"]).removeprefix("Value error, ")
    if kind == "extra_forbidden":
        return f"{'.'.join(place)}: unknown setting{nearest(place[-1], _names_beside(place, root))}"
    if message.startswith("."):  # from `Wrong`
        return f"{'.'.join(place)}{message}".removeprefix(".")
    if place and place[-1] == "[key]":
        place.pop()
        message = "is no name here; use 1-50 of a-z 0-9 _ . -"
    elif kind in {"enum", "literal_error"}:
        message = f"must be {_expected(problem)}{_meant(problem)}"
    elif kind == "string_pattern_mismatch" and problem["ctx"]["pattern"] in _SHAPES:
        message = _SHAPES[problem["ctx"]["pattern"]]
    else:
        message = _MEANS.get(kind, re.sub(r"^(Input|String) should ", "must ", message))
    given = "" if kind in _WITHOUT_VALUE else _given(problem, secret=_is_secret(_kind_at(place, root)))
    return f"{'.'.join(place)}: {message}{given}"


def masked(text: str) -> str:
    """An address without the password that somebody wrote into it."""
    return re.sub(r"//[^/\s]*@", "//***@", text)


def _expected(problem: Any) -> str:
    """The values that an enumeration allows, some of its members as well."""
    return re.sub(r"<[\w.]+: ('[^']*')>", r"\1", problem["ctx"]["expected"])


def _meant(problem: Any) -> str:
    """The nearest of the values that an enumeration allows, if one is near."""
    hint = nearest(str(problem["input"]), re.findall(r"'([^']+)'", _expected(problem)))
    return hint if "did you mean" in hint else ""


def _given(problem: Any, *, secret: bool) -> str:
    """The wrong value, short; never a secret's, and nothing that may hold one."""
    words = ("password", "auth_string", "routing_key")
    if secret or any(word in str(part) for part in problem["loc"] for word in words):
        return " (given: ***)"
    value = problem["input"]
    if isinstance(value, str):
        return f" (given: {masked(value)[:80]!r})"
    return f" (given: {value!r})"[:100] if isinstance(value, int | float) else f" (given: a {type(value).__name__})"


def _names_beside(place: list[str], root: type[BaseModel]) -> list[str]:
    """The names that the table at this place knows."""
    model = _kind_at(place[:-1], root)
    return list(model.model_fields) if _is_table(model) else []


def _kind_at(place: list[str], root: type[BaseModel]) -> Any:
    """What stands at this place: the model of a table, or the type of a value; None if nothing is known there."""
    kind: Any = root
    for part in place:
        if not _is_table(kind):  # tables or values by name, or a list of them: dict[name, kind], tuple[kind, ...]
            kind = next((one for one in reversed(get_args(kind)) if one is not Ellipsis), None)
        elif part in kind.model_fields:
            kind = kind.model_fields[part].annotation
        else:
            return None
        if get_origin(kind) in {Union, UnionType}:  # one that may be missing: kind | None
            kind = next(one for one in get_args(kind) if one is not NoneType)
    return kind


def _is_secret(kind: Any) -> bool:
    """Whether the settings never show a value of this type."""
    return isinstance(kind, type) and issubclass(kind, SecretStr)


def _is_table(kind: Any) -> bool:
    """Whether this is the model of a table."""
    return isinstance(kind, type) and issubclass(kind, BaseModel)

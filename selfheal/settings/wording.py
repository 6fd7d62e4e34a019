"""Says what is wrong with a setting: its name, what is wrong with its value, and the nearest right name.

`settings` hands over what pydantic found. A value is shown when it is a single one and no secret.
"""

import re
from typing import Any, get_args

from pydantic import BaseModel

from selfheal.policy.names import nearest

_MEANS = {
    "missing": "is required and missing",
    "frozen_set_type": 'must be a list, like ["backend", "broker"]',
    "tuple_type": 'must be a list, like ["restart-service"]',
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "string_type": "must be text",
}
_WITHOUT_VALUE = frozenset({"missing", "dict_type", "model_type"})


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
    else:
        message = _MEANS.get(kind, re.sub(r"^(Input|String) should ", "must ", message))
    given = "" if kind in _WITHOUT_VALUE else _given(problem)
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


def _given(problem: Any) -> str:
    """The wrong value, short; never a secret's, and nothing that may hold one."""
    if any(word in str(part) for part in problem["loc"] for word in ("password", "auth_string", "routing_key")):
        return " (given: ***)"
    value = problem["input"]
    if isinstance(value, str):
        return f" (given: {masked(value)[:80]!r})"
    return f" (given: {value!r})"[:100] if isinstance(value, int | float) else f" (given: a {type(value).__name__})"


def _names_beside(place: list[str], root: type[BaseModel]) -> list[str]:
    """The names that the table at this place knows."""
    model: Any = root
    for part in place[:-1]:
        if isinstance(model, type) and issubclass(model, BaseModel):
            model = model.model_fields[part].annotation
        else:  # a table of named tables: dict[name, model]
            model = get_args(model)[1]
    return list(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else []

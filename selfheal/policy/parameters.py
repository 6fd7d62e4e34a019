"""Cuts a migration's SQL at its parameters, `:'name'` for a value and `:"name"` for a name, as psql writes them.

The settings call this, so that a wrong parameter is refused before anything runs. Nothing is filled in here: the
database does that, with its own quoting.
"""

import re
from collections.abc import Mapping

from selfheal.model.migration import Part, PartKind
from selfheal.policy.names import nearest

_TOKEN = re.compile(
    r"""
      :(?P<quote>['"])(?P<name>[A-Za-z0-9_]+)(?P=quote)       # a parameter
    | ::                                                      # a cast: what follows is no parameter
    | (?<![\w$])[eE]'(?:[^'\\]|\\.|'')*'                      # texts, names and comments hold no parameters
    | '(?:[^']|'')*'
    | "(?:[^"]|"")*"
    | (?<![\w$])\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$
    | --[^\n]*
    | /\*(?:(?!/\*).)*?\*/
    | (?P<open>['"]|/\*|(?<![\w$])\$(?:[^\W\d]\w*)?\$)        # one that does not end
    """,
    re.VERBOSE | re.DOTALL,
)
_KINDS = {"'": PartKind.LITERAL, '"': PartKind.IDENTIFIER}


def cut(sql: str, parameters: Mapping[str, str | int]) -> tuple[Part, ...]:
    """The SQL in parts.

    Raises:
        ValueError: a parameter is missing or not used, or a quote or comment does not end; says which.
    """
    parts: list[Part] = []
    used, done = set(), 0
    for token in _TOKEN.finditer(sql):
        if token["open"]:
            raise ValueError(f"{token['open']} at character {token.start() + 1} does not end, or is nested")
        name = token["name"]
        if name is None:
            continue
        if name not in parameters:
            raise ValueError(f"{token[0]} is no parameter of it{nearest(name, parameters)}")
        parts += _sql(sql[done : token.start()])
        parts.append(Part(kind=_KINDS[token["quote"]], text=str(parameters[name])))
        used.add(name)
        done = token.end()
    for name in parameters:
        if name not in used:
            raise ValueError(
                f"""does not use its parameter {name!r}: write :'{name}' for a value, :"{name}" for a name"""
            )
    return (*parts, *_sql(sql[done:]))


def _sql(text: str) -> list[Part]:
    return [Part(kind=PartKind.SQL, text=text)] if text else []

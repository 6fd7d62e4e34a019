"""The door of the tables: what Postgres cannot keep is taken out (NUL bytes, lone surrogates), and so are secrets.

Texts and JSON of people, programs and servers pass `clean` or `shorten`; names and keys of ours pass `identifier`.
"""

from typing import Any

from selfheal.logs import redacted, without_secrets

_BEYOND = 4096
"""A secret that a cut would halve is still told by its form if that much more of the text is looked at."""


def clean(value: Any) -> Any:
    """The same value with every string in it storable as UTF-8 text and jsonb, and without secrets."""
    return redacted(_storable(value))


def identifier(text: str, limit: int) -> str:
    """A name or a key of ours, at most `limit` characters: what others look for is not altered."""
    return str(_storable(text[:limit]))


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters of text, without secrets; a cut is marked."""
    text = without_secrets(str(_storable(text[: limit + _BEYOND])))
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(item) for item in value]
    return value

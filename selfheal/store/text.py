"""What Postgres cannot keep in text is taken out at the door: NUL bytes and lone surrogates, from logs and names."""

from typing import Any


def clean(value: Any) -> Any:
    """The same value with every string in it storable as UTF-8 text and jsonb; other values stay as they are."""
    if isinstance(value, str):
        return value.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {clean(key): clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [clean(item) for item in value]
    return value


def identifier(text: str, limit: int) -> str:
    """A name or a key of ours, at most `limit` characters: what others look for is never altered otherwise."""
    return str(clean(text[:limit]))


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters of clean text; a cut is marked."""
    text = str(clean(text[: limit + 1]))
    return text if len(text) <= limit else text[: limit - 1] + "…"

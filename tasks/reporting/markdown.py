"""Text that came from outside, made fit for a Markdown page: it is shown as it is, and is neither markup nor a link."""

import re
from collections.abc import Iterable, Sequence

from selfheal.logs import without_secrets
from selfheal.store.text import shorten

_MARKUP = re.compile(r"([\\`*_{}\[\]<>()#+!|~&$@-]|(?<=www)\.|:(?=//))")
_LONGEST_LINE = 1000
_LONGEST_BLOCK = 4000
_FENCE = re.compile("`+")


def words(text: str, *, limit: int = _LONGEST_LINE) -> str:
    """One line, without secrets."""
    line = shorten(" ".join(without_secrets(text).split()), limit)
    return _MARKUP.sub(r"\\\1", line)


def block(text: str, *, limit: int = _LONGEST_BLOCK) -> str:
    """Lines as they are, without secrets: of a long text the end, for a log tells its reason last."""
    told = without_secrets(text).strip("\n")
    kept = shorten(told, len(told) + 1) if len(told) <= limit else f"… (shortened)\n{shorten(told[-limit:], limit)}"
    fence = max([2, *(len(run) for run in _FENCE.findall(kept))]) + 1
    return f"{'`' * fence}text\n{kept}\n{'`' * fence}"


def bullets(lines: Iterable[str]) -> str:
    """A list of what is Markdown already."""
    return "\n".join(f"- {line}" for line in lines)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of what is Markdown already."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def page(*parts: str) -> str:
    """The parts that are not empty, one below the other."""
    return "\n\n".join(part for part in parts if part) + "\n"

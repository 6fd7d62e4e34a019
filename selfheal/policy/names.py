"""Names at the door: the nearest right name for a wrong one."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TypeVar

from selfheal.model.errors import Permanent

T = TypeVar("T")


def nearest(name: str, known: Iterable[str]) -> str:
    """What to append to a refusal: `; did you mean 'lease'?`, or the known names, or nothing if there are none."""
    names = sorted(known)
    match = get_close_matches(name[:100], names, n=1, cutoff=0.5)
    if match:
        return f"; did you mean {match[0]!r}?"
    return f"; known: {', '.join(names[:30])}" if names else ""


def named(name: str, things: Mapping[str, T], *, kind: str) -> T:
    """The thing of this name.

    Raises:
        Permanent: there is none; with the nearest one.
    """
    if name not in things:
        raise Permanent(f"no {kind} is named {name[:100]!r}{nearest(name, things)}")
    return things[name]

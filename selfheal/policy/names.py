"""Names at the door: the nearest right name for a wrong one."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, known: Iterable[str]) -> str:
    """What to append to a refusal: `; did you mean 'lease'?`, or the known names, or nothing if there are none."""
    names = sorted(known)
    match = get_close_matches(name[:100], names, n=1, cutoff=0.5)
    if match:
        return f"; did you mean {match[0]!r}?"
    return f"; known: {', '.join(names[:20])}" if names else ""

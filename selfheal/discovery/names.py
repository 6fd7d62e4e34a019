"""Names of components for things that have names of their own: the same thing gets the same name every time."""

import re
from collections.abc import Iterable
from hashlib import sha256

LONGEST = 50
_HASH = 6


def component_names(things: Iterable[str]) -> dict[str, str]:
    """A component's name for each thing, all different.

    A thing whose name is one already keeps it. Of the others the first one in order gets the name that is nearest;
    who comes too late, or was too long, gets a few digits that its own name alone decides.

    Args:
        things: `KIND/NAME`, in the order of precedence.
    """
    given = list(dict.fromkeys(things))
    names = {thing: _own(thing) for thing in given if _near(thing) == _own(thing)}
    taken: dict[str, str] = {}
    for thing, name in list(names.items()):  # a container and a program may have one name
        if taken.setdefault(name, thing) != thing:
            del names[thing]
    for thing in given:
        if thing not in names:
            names[thing] = _free(thing, taken)
            taken[names[thing]] = thing
    return {thing: names[thing] for thing in given}


def as_group(text: str) -> str:
    """The nearest name of a group."""
    return re.sub(r"[^a-z0-9_.-]", "-", text.lower())[:LONGEST]


def _own(thing: str) -> str:
    return thing.partition("/")[2].rpartition("/")[2]


def _near(thing: str) -> str:
    """Lower case, nothing that a name may not hold, and not too long."""
    name = re.sub(r"[^a-z0-9_.-]", "-", _own(thing).lower())
    return name if len(name) <= LONGEST else _with_digits(name, thing, _HASH)


def _free(thing: str, taken: dict[str, str]) -> str:
    name, digits = _near(thing), _HASH
    while name in taken:
        name, digits = _with_digits(_near(thing), thing, digits), digits + 1
    return name


def _with_digits(name: str, thing: str, digits: int) -> str:
    return f"{name[: LONGEST - digits - 1]}-{sha256(thing.encode()).hexdigest()[:digits]}"

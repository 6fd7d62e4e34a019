"""Who asks, as far as it is proven: Prefect knows no persons, so a name from there is only somebody's word."""

UNPROVEN = " (through Prefect)"
"""Ends every name that came in as a parameter of a flow run: no token and no login stands behind it."""
_LONGEST = 80


def is_unproven(asked_by: str) -> bool:
    """Whether this name of an asker is only somebody's word: then nobody can tell that it is not who answers."""
    return asked_by.endswith(UNPROVEN)


def unproven(name: str) -> str:
    """The name as it is recorded: a token must not be given one that ends like it. Empty stays empty."""
    said = " ".join(name.split()).removesuffix(UNPROVEN)[:_LONGEST]
    return f"{said}{UNPROVEN}" if said else ""

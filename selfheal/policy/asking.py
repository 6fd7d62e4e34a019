"""Who asks, as far as it is proven: Prefect knows no persons, so a name from there is only somebody's word."""

UNPROVEN = " (through Prefect)"
"""Ends every name that came in as a parameter of a flow run: no token and no login stands behind it."""
_LONGEST = 80


def unproven(name: str) -> str:
    """The name as it is recorded: a token must not be given one that ends like it. Empty stays empty."""
    said = " ".join(name.split()).removesuffix(UNPROVEN)[:_LONGEST]
    return f"{said}{UNPROVEN}" if said else ""

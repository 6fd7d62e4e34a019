"""One figure that is counted in the database for `/metrics`."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One of a family.

    Attributes:
        name: of the family, as the database has it.
        one: what it is about: an action, a component, a decision, a breaker, a status; empty: everything.
        two: how that stands; empty: it is only counted.
        value: how many.
    """

    name: str
    one: str
    two: str
    value: float

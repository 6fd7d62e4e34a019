"""The nearest right name for a wrong one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfheal.policy.names import nearest

names = st.text(st.characters(codec="ascii", categories=["Ll"]), min_size=3, max_size=12)


@pytest.mark.parametrize(
    ("wrong", "known", "said"),
    [
        ("leese", ["lease", "flap"], "; did you mean 'lease'?"),
        ("zzz", ["lease", "flap"], "; known: flap, lease"),
        ("zzz", [], ""),
        ("", ["lease"], "; known: lease"),
    ],
)
def test_what_is_appended(wrong: str, known: list[str], said: str) -> None:
    """The nearest name; all of them, sorted, when none is near; nothing when there are none."""
    assert nearest(wrong, known) == said


@given(st.text(), st.lists(names, max_size=40, unique=True))
def test_it_is_short_and_names_only_what_is_known(wrong: str, known: list[str]) -> None:
    """Whatever was written is not repeated, and never more than thirty names are listed."""
    said = nearest(wrong, known)
    assert len(said) < 400
    named = said.removeprefix("; known: ").split(", ") if said.startswith("; known: ") else []
    assert len(named) <= 30
    assert set(named) <= set(known)


@given(names, st.lists(names, max_size=10))
def test_the_right_name_is_the_nearest_to_itself(name: str, others: list[str]) -> None:
    """A name that is known is what is proposed."""
    assert nearest(name, {name, *others}) == f"; did you mean '{name}'?"


def test_a_huge_name_costs_no_time() -> None:
    """Only its beginning is compared: a name of a megabyte ends at once (the test's own time limit tells)."""
    assert nearest("lease" + "x" * 1_000_000, ["lease"]) == "; known: lease"

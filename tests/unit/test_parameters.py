"""Where a migration's SQL has parameters, and which are wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfheal.model.migration import Part, PartKind
from selfheal.policy.parameters import cut


def told(sql: str, **parameters: str | int) -> list[tuple[str, str]]:
    return [(part.kind.value, part.text) for part in cut(sql, parameters)]


def test_values_and_names_are_cut_out() -> None:
    """`:'x'` is a value, `:"x"` a name, as in psql; a number is a value like another."""
    sql = "CREATE VIEW v AS SELECT * FROM :\"t\" WHERE k = :'k' AND n > :'n'"
    assert told(sql, t="a b", k="o'neil", n=7) == [
        ("sql", "CREATE VIEW v AS SELECT * FROM "),
        ("identifier", "a b"),
        ("sql", " WHERE k = "),
        ("literal", "o'neil"),
        ("sql", " AND n > "),
        ("literal", "7"),
    ]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT ':''k'' and :\"k\"'",
        "SELECT E'\\' :''k'' '",
        "SELECT \"a:'k'b\"",
        "SELECT 1 -- :'k'",
        "SELECT /* :'k' */ 1",
        "DO $$ BEGIN PERFORM :'k'; END $$",
        "DO $a$ $$ :'k' $$ $a$",
        "SELECT 'k'::text, x::\"char\", a[1:2]",
        "SELECT a$b$c, :k",
    ],
)
def test_quotes_casts_and_comments_hold_none(sql: str) -> None:
    """What psql would not fill in is left as it is."""
    assert told(sql) == [("sql", sql)]


@pytest.mark.parametrize(
    ("sql", "parameters", "said"),
    [
        ("SELECT :'kidn'", {"kind": "x"}, "did you mean 'kind'"),
        ("SELECT :'kind'", {}, "is no parameter"),
        ("SELECT 1", {"kind": "x"}, "does not use its parameter 'kind'"),
        ("SELECT :kind", {"kind": "x"}, "write :'kind' for a value"),
        ("SELECT 'open", {}, "does not end"),
        ('SELECT "open', {}, "does not end"),
        ("SELECT $x$ open $y$", {}, "does not end"),
        ("SELECT /* /* nested */ */ 1", {}, "nested"),
    ],
)
def test_a_wrong_parameter_is_refused(sql: str, parameters: dict[str, str | int], said: str) -> None:
    """One that is missing, unused or unclear is told by its name."""
    with pytest.raises(ValueError, match=said):
        cut(sql, parameters)


@given(st.text(), st.text())
def test_nothing_is_lost(before: str, value: str) -> None:
    """The parts together are the SQL again, whatever is in it and in its parameters."""
    sql = before.replace("'", "").replace('"', "").replace("$", "").replace("/", "").replace("-", "").rstrip(":")
    parts = cut(f"{sql}:'p' :\"p\"", {"p": value})
    assert [part for part in parts if part.kind is not PartKind.SQL] == [
        Part(kind=PartKind.LITERAL, text=value),
        Part(kind=PartKind.IDENTIFIER, text=value),
    ]
    assert "".join(part.text for part in parts if part.kind is PartKind.SQL) == f"{sql} "

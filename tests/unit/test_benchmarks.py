"""The benchmarks' command and the shape of what they print."""

import json

import pytest

from benchmarks import __main__ as command
from benchmarks.case import Case, line, table
from benchmarks.rounds import alternate, until

FIELDS = {"case", "ours", "other", "what_other", "ratio", "unit", "rounds"}


def a_case(**changes: object) -> Case:
    values = {"name": "one", "unit": "s", "ours": (1.0, 2.0, 9.0), "other": (4.0, 8.0, 5.0), "what_other": "theirs"}
    return Case(**(values | changes))  # type: ignore[arg-type]


def test_a_case_tells_medians_and_their_ratio() -> None:
    """The JSON holds the median of each side and ours as a multiple of the other."""
    told = a_case().as_json()
    assert told.keys() == FIELDS
    assert (told["ours"], told["other"], told["ratio"], told["rounds"]) == (2.0, 5.0, 0.4, 3)


def test_a_case_without_another_side_has_no_ratio() -> None:
    """Where there is nothing to compare with, `other` and `ratio` are null."""
    told = a_case(other=()).as_json()
    assert (told["other"], told["ratio"]) == (None, None)


def test_the_table_shows_the_spread_and_what_was_compared() -> None:
    """A person sees minimum, median and maximum of both sides, and what the other side is."""
    text = table([a_case(), a_case(name="two", other=())])
    assert "1.000   2.000  9.000      4.000   5.000  8.000   0.40" in text
    assert "one: other = theirs" in text


def test_sides_take_turns_in_changing_order() -> None:
    """Every side runs once per round, and none is always the first."""
    order: list[str] = []
    sides = {name: (lambda name=name: order.append(name) or float(len(order))) for name in ("a", "b")}
    assert alternate(sides, rounds=2, what="test") == {"a": (1.0, 4.0), "b": (2.0, 3.0)}
    assert order == ["a", "b", "b", "a"]


def test_waiting_is_bounded() -> None:
    """A condition that never comes true ends the benchmark, and says which it was."""
    with pytest.raises(TimeoutError, match=r"not within 0.01 s: a miracle"):
        until(lambda: False, what="a miracle", seconds=0.01)


def test_an_unknown_name_is_refused_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, nothing on stdout, and the name that was meant."""
    assert command.main(["admision"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "did you mean 'admission'?" in said.err


def test_json_ends_with_one_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """With --json the last line is the whole result; before it stands the table."""
    asked: list[bool] = []

    def measured(*, quick: bool) -> list[Case]:
        asked.append(quick)
        return [a_case()]

    monkeypatch.setattr(command, "BENCHMARKS", {"admission": measured})
    assert command.main(["admission", "--json", "--quick"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["name"], [case["case"] for case in told["cases"]], asked) == ("admission", ["one"], [True])


def test_the_line_holds_no_line_break() -> None:
    """One benchmark is one line."""
    assert "\n" not in line("admission", [a_case(what_other="a\nb")])

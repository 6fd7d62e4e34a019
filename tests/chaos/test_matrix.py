"""Every moment of a heal x everything that may happen at it; what was observed is the table of `docs/reliability.md`.

With `--campaign` all columns run, and the table is written anew; else one column runs and must be the committed one.
"""

from collections.abc import Mapping
from pathlib import Path

import matrix
import pytest
from embedded_fixtures import scratch_folder

from benchmarks.chaos import containers

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- written by tests/chaos/test_matrix.py -->", "<!-- end -->"
QUICK = "worker kill"
NOBODY_WATCHES = {"all settled"}
"""Faults stay open: a sick target is left to nobody, and no watcher sees that another one is well again."""

pytestmark = pytest.mark.timeout(900)


def observed(fault: str) -> Mapping[str, str]:
    """Run one column: the promises hold in every cell, and every attempt has its outcome."""
    with scratch_folder() as folder:
        folder.mkdir(mode=0o755)
        with matrix.column(folder, fault) as column:
            verdict = column.run()
            broken = [one for one in verdict.violations if one.invariant not in NOBODY_WATCHES]
            assert (broken, {one[-1].completed_at is None for one in verdict.record.attempts().values()}) == (
                [],
                {False},
            )
            return matrix.told(column, verdict.record)


def committed() -> Mapping[str, Mapping[str, str]]:
    """The table as it stands in the page: moments by column."""
    text = PAGE.read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in text[text.index(BEGIN) : text.index(END)].splitlines()[1:]]
    heading, _, *cells = [row for row in rows if len(row) > 1]
    return {name: {row[0]: row[place] for row in cells} for place, name in enumerate(heading) if place}


def test_a_worker_that_is_killed_at_any_moment_leaves_what_the_page_says(request: pytest.FixtureRequest) -> None:
    """One column of the matrix, equal to the committed one."""
    if request.config.getoption("--campaign"):
        pytest.skip("the whole matrix runs")
    assert observed(QUICK) == committed()[QUICK]


def test_the_whole_matrix_keeps_every_promise_and_writes_the_page(request: pytest.FixtureRequest) -> None:
    """All columns; the page tells what was observed. Where no engine can be started its column stays as it is."""
    if not request.config.getoption("--campaign"):
        pytest.skip("the whole matrix takes minutes: `make campaign`")
    why_not = {matrix.DOCKERD: containers.why_not()}
    table = matrix.markdown(
        {fault: committed()[fault] if why_not.get(fault) else observed(fault) for fault in matrix.FAULTS}
    )
    text = PAGE.read_text(encoding="utf-8")
    before, after = text[: text.index(BEGIN)], text[text.index(END) :]
    PAGE.write_text(f"{before}{BEGIN}\n{table}\n{after}", encoding="utf-8")

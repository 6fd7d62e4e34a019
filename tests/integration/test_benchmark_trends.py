"""The benchmark of trends, on a real Postgres with few series."""

from benchmarks.trends import trends


def test_a_quick_run_reads_what_was_written_and_tells_every_case() -> None:
    """Every row comes back at its place, or it fails; the cases are those of DESIGN and what explains them."""
    found = {case.name: case for case in trends(quick=True)}
    assert found.keys() == {"read", "per-series-fit", "per-series-line", "cycle", "read-bucket", "memory"}
    assert all(figure > 0 for case in found.values() for figure in case.ours)

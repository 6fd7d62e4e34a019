"""The benchmark of evidence: what it measures is right, in small and, with `--campaign`, beyond a page of a listing."""

import pytest

from benchmarks import evidence as benchmark
from benchmarks.evidence import Load, evidence


def test_a_small_run_measures_both_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    """It counts what it found itself, and would fail where an answer is wrong."""
    monkeypatch.setattr(benchmark, "QUICK", Load(deliverables=70, in_one=40, rounds=1))
    cases = {case.name: case for case in evidence(quick=True)}
    assert set(cases) == {"orphans", "one-request"}
    assert all(case.unit == "s" and case.ours[0] > 0 and case.other[0] > 0 for case in cases.values())


@pytest.mark.usefixtures("campaign")
def test_a_stream_with_more_subjects_than_a_page_is_counted_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """120,000 subjects in one stream, of which a listing tells 100,000 at a time."""
    monkeypatch.setattr(benchmark, "QUICK", Load(deliverables=70, in_one=120_000, rounds=1))
    assert evidence(quick=True)

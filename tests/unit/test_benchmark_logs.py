"""The benchmark of logs: what it measures is right, and it fails where it would not be."""

from pathlib import Path

import pytest

from benchmarks import logs as benchmark
from benchmarks.logs import Load, logs
from selfheal.model.errors import Permanent


def test_a_small_run_measures_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A case for each program that is on the path; none is made up for one that is not."""
    monkeypatch.setattr(benchmark, "QUICK", Load(large=200_000, small=50_000, rounds=1))
    monkeypatch.setattr(benchmark, "_ERRORS_IN", 20)
    installed = benchmark.shutil.which
    monkeypatch.setattr(benchmark.shutil, "which", lambda name: installed(name) if name == "rg" else None)
    cases = logs(quick=True)
    assert [case.name for case in cases] == (["ripgrep"] if installed("rg") else [])
    assert all(case.ours[0] > 0 and case.other[0] > 0 for case in cases)


def test_other_hits_than_those_of_grep_are_no_figure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One pattern less, and it says so."""
    log = tmp_path / "a.log"
    log.write_text("FATAL one\nfine\nPANIC two\n")
    benchmark._right(log)
    monkeypatch.setattr(benchmark, "EXPRESSIONS", ("FATAL",))
    with pytest.raises(Permanent, match=r"grep finds 1 lines of a\.log, we find 2"):
        benchmark._right(log)

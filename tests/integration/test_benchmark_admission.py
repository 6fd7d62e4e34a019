"""`python -m benchmarks admission --quick` as a whole: real servers, nothing left behind."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.usefixtures("campaign")
def test_a_quick_run_measures_every_case_and_leaves_nothing() -> None:
    """All cases have figures of both sides, and folder, servers and processes are gone."""
    before = _left()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "admission", "--json", "--quick"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    cases = {case["case"]: case for case in json.loads(done.stdout.splitlines()[-1])["cases"]}
    assert {"one", "sixteen", "refusals"} <= set(cases)
    assert all(case["ours"] > 0 and case["other"] > 0 for case in cases.values())
    assert _left() <= before


def _left() -> set[str]:
    return {path.name for path in Path(tempfile.gettempdir()).glob("selfheal-bench-*")}

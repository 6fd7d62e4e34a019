"""The campaign as CI runs it: 60 faults on 24 targets while dispatchers, Postgres and NATS are killed and frozen."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FAULTS = 60
MUST_BE_ZERO = {"lost", "twice", "unrecorded", "unsettled", "violations"}


def campaign(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a small campaign."""
    command = [sys.executable, "-m", "benchmarks", "chaos", "--quick", "--json", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)


@pytest.mark.timeout(300)
def test_sixty_faults_break_no_promise_and_leave_nothing() -> None:
    """Nothing lost, twice, unrecorded or unsettled, by a checker that knows none of our code."""
    before = _left()
    done = campaign("--faults", str(FAULTS))
    assert done.returncode == 0, done.stdout + done.stderr
    cases = {one["case"]: one["ours"] for one in json.loads(done.stdout.splitlines()[-1])["cases"]}
    assert cases == {"faults": FAULTS} | dict.fromkeys(MUST_BE_ZERO, 0), done.stdout
    assert _left() <= before


def _left() -> set[str]:
    return {path.name for path in Path(tempfile.gettempdir()).glob("selfheal-bench-*")}

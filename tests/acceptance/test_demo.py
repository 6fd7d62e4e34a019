"""The demo as a person runs it: real faults, each healed once, and nothing left behind."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest
from stack_fixture import REPOSITORY

from deployments.embedded import child


def _of(folder: Path) -> list[str]:
    """The processes that have to do with a folder."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        words = " ".join(process.info["cmdline"] or ())
        if str(folder) in words and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(words)
    return found


@pytest.mark.timeout(300)
def test_the_demo_heals_each_fault_once() -> None:
    """It ends with 0 and a table of at least four healed faults; its folder and its processes are gone."""
    with tempfile.TemporaryDirectory(prefix="selfheal-acceptance-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        env = child.base_environment(home=folder) | {"TMPDIR": name, "PYTHONPATH": str(REPOSITORY)}
        command = [sys.executable, "-m", "console.cli", "demo", "-o", "json"]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, cwd=folder)
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert {(one["outcome"], one["verification"]) for one in told["faults"]} == {("SUCCESS", "HEALED")}
        assert len(told["faults"]) == told["healed_once"] == told["process_starts"] >= 4
        assert told["missing"] == ""
        assert "\x1b" not in done.stderr
        assert not list(folder.glob("selfheal-demo-*"))
        assert _of(folder) == []


@pytest.mark.usefixtures("campaign")
@pytest.mark.timeout(1200)
def test_what_grows_is_healed_before_it_breaks() -> None:
    """Collected or restarted, one at a time, within the cap; what lives near its limit is left alone."""
    with tempfile.TemporaryDirectory(prefix="selfheal-acceptance-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        env = child.base_environment(home=folder) | {"TMPDIR": name, "PYTHONPATH": str(REPOSITORY)}
        command = [sys.executable, "-m", "console.cli", "demo", "--foretold", "-o", "json"]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, cwd=folder)
        assert done.returncode == 0, done.stdout + done.stderr
        told = json.loads(done.stdout)
        assert told["missing"] == ""
        heals = {one["component"]: one["heals"] for one in told["predictions"]}
        assert heals["leaky"] == "collect-garbage: HEALED"
        assert heals["stubborn"] == "collect-garbage: NOT_HEALED, restart-service: HEALED"
        assert heals["slow"] == "restart-service: HEALED"
        assert heals["spare"] == "collect-garbage: HEALED"
        assert "near" not in heals
        assert told["heals"] == told["most_heals_allowed"]
        assert _of(folder) == []

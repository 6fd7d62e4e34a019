"""What Prefect's clients make of our logging configuration, in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

from deployments import logging_config
from selfheal.settings.logs import Logging

PROGRAM = """
import logging, prefect.main
from selfheal.logs import about, hide
hide(["geheim-4711"])
log = logging.getLogger("selfheal.protocol.heal")
log.debug("too small")
with about(component="backend", attempt=8):
    try:
        raise ValueError("geheim-4711")
    except ValueError:
        log.exception("it broke")
logging.getLogger("prefect.flow_runs").info("Prefect's own")
"""


def test_a_flow_runs_lines_are_json_and_masked(tmp_path: Path) -> None:
    """Ours and Prefect's lines are one object each, from our level on, with their fields and without the secret."""
    environment = logging_config.write(tmp_path / "logging.json", Logging(format="json"))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "PREFECT_HOME": str(tmp_path), **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    ours, prefects = [json.loads(line) for line in done.stderr.splitlines()]
    assert (ours["message"], ours["component"], ours["attempt"]) == ("it broke", "backend", "8")
    assert "ValueError: ***" in ours["exception"]
    assert prefects["logger"] == "prefect.flow_runs"
    assert "geheim" not in done.stderr

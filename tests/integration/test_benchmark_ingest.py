"""`python -m benchmarks ingest --quick` as a whole, and that a rollup which is wrong is a failure."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from embedded_fixtures import Embedded
from sqlalchemy import Engine

from benchmarks.ingest import _recount, _row
from selfheal.model.errors import Permanent
from selfheal.store.health_writing import HealthWriter

ROOT = Path(__file__).parents[2]


@pytest.fixture
def database(embedded_postgres: Embedded, empty: Engine) -> Iterator[Any]:
    """What the benchmark counts in: some sweeps, kept by the product."""
    HealthWriter(empty).write([_row(datetime.now(UTC), sweep, number) for sweep in range(100) for number in range(3)])
    dsn = embedded_postgres.servers.postgres.superuser_dsn()
    with psycopg.connect(dsn, dbname="selfheal", autocommit=True) as owner:
        yield SimpleNamespace(owner=owner)


@pytest.mark.parametrize(
    "break_it",
    [
        "UPDATE health_rollup SET n = n + 1 WHERE component = 'component-01'",
        "DELETE FROM health_rollup WHERE component = 'component-02'",
        "UPDATE health_rollup SET sum = sum + 0.5",
        "INSERT INTO health_history (component, status, value) VALUES ('component-01', 'DOWN', 1)",
    ],
)
def test_a_rollup_that_is_not_what_a_recount_gives_is_a_failure(database: Any, break_it: str) -> None:
    """One look more, one bucket less, half a millisecond: the benchmark fails; before that it does not."""
    _recount(database)
    database.owner.execute(break_it)
    with pytest.raises(Permanent, match="not what a recount gives"):
        _recount(database)


@pytest.mark.usefixtures("campaign")
def test_a_quick_run_has_both_sides() -> None:
    """Rows per second of ours and of COPY."""
    command = [sys.executable, "-m", "benchmarks", "ingest", "--json", "--quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    (case,) = json.loads(done.stdout.splitlines()[-1])["cases"]
    assert (case["case"], case["unit"], case["ours"] > 0, case["other"] > 0) == ("copy", "rows/s", True, True)

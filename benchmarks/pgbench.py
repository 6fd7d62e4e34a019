"""The load generator of both sides: `pgbench` from the embedded binaries, with prepared statements of our own."""

import re
import subprocess
from pathlib import Path
from statistics import fmean

from benchmarks.database import Database
from deployments.embedded import child, roles
from deployments.embedded.postgres import binaries  # the one place that knows them
from selfheal.model.errors import Permanent

SCRIPTS = Path(__file__).with_name("sql")
_EVERY_SECOND = re.compile(r"^progress: [0-9.]+ s, ([0-9.]+) tps", re.MULTILINE)
_FAILED = re.compile(r"^number of failed transactions: ([0-9]+) ", re.MULTILINE)


def per_second(database: Database, script: str, *, connections: int, seconds: int) -> float:
    """Run a script on so many connections for so long; transactions per second.

    The first second does not count: in it every connection plans its statements, which a pool does once.

    Args:
        database: as `healing_user`, by password.
        script: name of a file in `sql/`, without `.sql`.
        connections: each waits for its answer before it asks again.
        seconds: how long, 2 at least.

    Raises:
        Permanent: a transaction failed: the figure would mean nothing.
    """
    command: list[str | Path] = [binaries() / "pgbench", "--no-vacuum", "--protocol=prepared"]
    command += [
        f"--client={connections}",
        "--jobs=1",
        f"--time={seconds}",
        f"--file={SCRIPTS / script}.sql",
        "--progress=1",
    ]
    done = subprocess.run(
        [str(word) for word in command],
        env=child.base_environment() | _connection(database),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    figures, failed = _EVERY_SECOND.findall(done.stderr), _FAILED.search(done.stdout)
    if done.returncode != 0 or not figures or failed is None or int(failed[1]):
        raise Permanent(f"pgbench failed on {script}: {done.stderr.strip()[-500:]}")
    return fmean(map(float, figures[1:] or figures))  # a last second may come too late to be told


def _connection(database: Database) -> dict[str, str]:
    """Libpq's variables."""
    return {
        "PGHOST": "127.0.0.1",
        "PGPORT": str(database.port),
        "PGUSER": roles.HEALER,
        "PGPASSWORD": database.password,
        "PGDATABASE": roles.SELFHEAL_DATABASE,
    }

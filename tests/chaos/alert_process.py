"""Tells people for `test_alert_crashes`: each line has a child do one thing, and die where it is told to.

turn FAILPOINT        one turn of telling
emergency FAILPOINT   tell that the database is away, through the spool
FAILPOINT is `-` for none. Prints the signal that ended the child, 0 for none.
"""

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from selfheal.settings.file import parse
from selfheal.store.engine import open_engine
from selfheal.wiring.alerts import emergency_of, telling_of


def do(what: str, failpoint: str) -> None:
    """In the child."""
    if failpoint != "-":
        os.environ["SELFHEAL_FAILPOINT"] = f"{failpoint}:kill"
    spool = os.environ["SELFHEAL_SPOOL"]
    settings = parse(json.loads(Path(sys.argv[1]).read_text()), source="the test")
    if what == "emergency":
        emergency_of(settings, spool=spool).tell(datetime.now(UTC), "the test")
    else:
        telling_of(settings, open_engine(os.environ["SELFHEAL_DATABASE_URL"], pool_size=2), spool=spool).turn()


for line in sys.stdin:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            do(*line.split())
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    print(os.WTERMSIG(status) if os.WIFSIGNALED(status) else -os.WEXITSTATUS(status), flush=True)  # noqa: T201

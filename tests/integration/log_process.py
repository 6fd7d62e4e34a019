"""A process that follows one log file into the database until it is killed: `python log_process.py FILE`."""

import os
import sys
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from selfheal.clients.clock import SystemClock
from selfheal.clients.log_file import LogFile
from selfheal.model.admission import Answer, Decision
from selfheal.model.log import LogRules, LogSource
from selfheal.policy import log_tally
from selfheal.policy.log_patterns import REFERENCE
from selfheal.protocol.heal import Result
from selfheal.protocol.holder import this_process
from selfheal.store import log_errors
from selfheal.store.engine import open_engine
from selfheal.store.health import HealthHistory
from selfheal.store.logs import Logs
from selfheal.watch.log_watcher import LogWatcher, LogWorld

MANY = 1_000_000  # each line is an error of its own here: they are told apart by that
log_tally.MOST_ERRORS = log_errors._NEW_IN_A_DAY = MANY


def main() -> None:
    """Follow."""
    engine = open_engine(os.environ["SELFHEAL_DATABASE_URL"])
    world = LogWorld(
        sources=[LogSource(name="app", component="backend", file=sys.argv[1], from_start=True)],
        rules=LogRules(patterns=REFERENCE),
        reader=lambda source: LogFile(Path(source.file), from_start=source.from_start),
        store=Logs(engine),
        health=HealthHistory(engine),
        dispatch=lambda _: Result(answer=Answer(decision=Decision.ALREADY_HEALTHY, reason="it is healthy")),
        publish=lambda _metrics, _well: None,
        clock=SystemClock(),
        holder=this_process(),
        at_once=1,
        summary=timedelta(minutes=5),
    )
    LogWatcher(world, run_id=uuid4()).run()


if __name__ == "__main__":
    main()

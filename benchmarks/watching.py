"""The healer of `reaction`: the real watcher with the plain steps, in a process of its own.

Run as `python -m benchmarks.watching SETTINGS` with `SELFHEAL_DATABASE_URL`; TERM ends it in order.
"""

import json
import logging
import os
import signal
import sys
from pathlib import Path

from uuid6 import uuid7

from selfheal.bootstrap import wire
from selfheal.protocol.heal import heal
from selfheal.protocol.plain import plain_steps
from selfheal.settings.file import parse


def main(settings: Path) -> None:
    """Watch until TERM."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    values = json.loads(settings.read_text(encoding="utf-8"))
    estate = wire(parse(values, source=str(settings)), database_url=os.environ["SELFHEAL_DATABASE_URL"])
    steps = plain_steps(estate.healer)
    watcher = estate.watcher(
        run_id=uuid7(),
        dispatch=lambda trigger: heal(steps, trigger),
        reconcile=lambda: estate.turn(steps),
    )
    signal.signal(signal.SIGTERM, lambda *_: watcher.stop())
    watcher.run()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

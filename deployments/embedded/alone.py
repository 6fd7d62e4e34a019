"""The embedded Postgres without the rest of the stack, for a moment: `backup` of a stopped one, and `restore`."""

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from deployments.embedded.postgres import Postgres
from selfheal.model.errors import Permanent

START_SECONDS = 120.0
STOP_SECONDS = 60.0
LOOK_SECONDS = 0.05


@contextmanager
def serving(postgres: Postgres) -> Iterator[None]:
    """Start it, and stop it in order afterwards; the caller holds the data folder's lock.

    Raises:
        Permanent: it does not come up.
    """
    process = postgres.start()
    try:
        end = time.monotonic() + START_SECONDS
        while not postgres.ready():
            if process.poll() is not None or time.monotonic() >= end:
                raise Permanent("the embedded Postgres does not start", hint=f"see {postgres.log}")
            time.sleep(LOOK_SECONDS)
        yield
    finally:
        process.send_signal(signal.SIGINT)  # "fast": it ends its clients and writes everything out
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

"""The demo estate under a supervisord of its own, which restarts by itself or leaves that to a healer."""

import contextlib
import http.client
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil

from benchmarks.rounds import until
from deployments.demo.estate import Estate, write_estate
from deployments.embedded.child import wrapped

PROGRAM = "backend"
_OK = 200


@contextlib.contextmanager
def running_estate(folder: Path, *, autorestart: bool) -> Iterator[Estate]:
    """Write the estate, run it until every program runs, and end it afterwards.

    Args:
        folder: to be made.
        autorestart: whether supervisord restarts what ends, with its own defaults.
    """
    estate = write_estate(folder)
    if autorestart:
        configuration = folder / "supervisord.conf"
        text = configuration.read_text(encoding="utf-8")
        text = text.replace("autorestart=false\nstartretries=0\n", "autorestart=true\nstartretries=3\n")
        configuration.write_text(text, encoding="utf-8")
    supervisord = subprocess.Popen(wrapped(estate.argv(), parent=os.getpid()), stdin=subprocess.DEVNULL)
    try:
        until(lambda: serving(estate), what=f"{PROGRAM} answers")
        until(lambda: _all_run(estate), what="every program runs")
        yield estate
    finally:
        below = psutil.Process(supervisord.pid).children(recursive=True)
        supervisord.kill()  # its programs die with it, which is what launch.py promises
        supervisord.wait()
        psutil.wait_procs(below, timeout=10)


def serving(estate: Estate) -> bool:
    """Whether the program answers a request on a new connection."""
    connection = http.client.HTTPConnection("127.0.0.1", estate.ports[PROGRAM], timeout=1)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == _OK
    except OSError:
        return False
    except http.client.HTTPException:
        return False
    finally:
        connection.close()


def _all_run(estate: Estate) -> bool:
    return all(life.state == "RUNNING" for life in estate.control().processes().values())

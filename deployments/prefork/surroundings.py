"""What an import can change for the whole process, and so for the runs of all other flows.

A zygote imports the flows of a whole pool. In a process of its own a flow may do with it what it likes: a module that
changes any of this is not imported ahead, and so changes it for its own runs only.
"""

import asyncio
import locale
import logging
import multiprocessing
import os
import signal
import socket
import sys
from collections.abc import Mapping
from typing import Any

from deployments.prefork.reading import LOADED_ONCE

FOLDER, UMASK, SIGNALS, ENVIRONMENT = "the working folder", "the umask", "a signal handler", "the environment"


def surroundings() -> dict[str, Any]:
    """Each by what it is called, as it is now; to be compared."""
    umask = os.umask(0o077)
    os.umask(umask)
    return {
        FOLDER: os.getcwd(),  # noqa: PTH109 - compared only
        UMASK: umask,
        SIGNALS: {number: signal.getsignal(number) for number in signal.valid_signals()},
        ENVIRONMENT: dict(os.environ),
        "sys.path": list(sys.path),
        "sys.excepthook": sys.excepthook,
        "the recursion limit": sys.getrecursionlimit(),
        "the locale": locale.setlocale(locale.LC_ALL),
        "the time-out of sockets": socket.getdefaulttimeout(),
        "the event loop policy": asyncio.get_event_loop_policy(),
        "how multiprocessing starts": multiprocessing.get_start_method(allow_none=True),
        "the root logger": (logging.root.level, logging.root.manager.disable, list(logging.root.handlers)),
    }


def changed(before: Mapping[str, Any]) -> str:
    """What is another one than before; empty: nothing. Numeric libraries may set variables of their own."""
    now = surroundings()
    was, is_now = ({**one, ENVIRONMENT: _without_numeric(one[ENVIRONMENT])} for one in (before, now))
    return next((f"changes {name}" for name in was if was[name] != is_now[name]), "")


def restore(before: Mapping[str, Any]) -> None:
    """Put back what would outlive an `exec`; the environment is handed to that."""
    os.chdir(before[FOLDER])
    os.umask(before[UMASK])
    for number, handler in before[SIGNALS].items():
        if handler is not None and signal.getsignal(number) != handler:
            signal.signal(number, handler)


def _without_numeric(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not name.startswith(LOADED_ONCE)}

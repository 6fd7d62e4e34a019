"""What happens in a forked child: it takes off everything of the zygote, then runs Prefect's engine.

It never returns to the zygote's frames. Its exit code is that of the engine; whatever Python does when a process ends
(threads are waited for, `atexit` runs, output is flushed) is done, except for tearing down the modules, whose pages are
shared with all other children.
"""

import asyncio
import atexit
import ctypes
import gc
import json
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from typing import NoReturn

from deployments.prefork import prefect_private
from deployments.prefork.request import Request

_PR_SET_NAME = 15
UNTOLD = 124
"""Exit code of a child that was never told what to run."""


def be(descriptors: Sequence[int], own: frozenset[str]) -> NoReturn:
    """Become what the worker asks for, and leave.

    Args:
        descriptors: the line to the worker, output, errors.
        own: names of the packages that the flows belong to.
    """
    os.setsid()
    request = _told(descriptors)
    code = 1
    try:
        if request.anew:
            _begin_anew(request)
        take_off(request, own)
        code = _run(request)
    except SystemExit as leave:
        code = _code(leave)
    except BaseException as error:  # noqa: BLE001  as Python does at the end of a process
        sys.excepthook(*sys.exc_info())
        code = -signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1
    finally:
        _end(code)


def _told(descriptors: Sequence[int]) -> Request:
    """Say who we are, wait to be told what to run, and take the output over."""
    with socket.socket(fileno=descriptors[0]) as line:
        line.sendall(json.dumps({"pid": os.getpid()}).encode() + b"\n")
        with line.makefile("rb") as words:
            told = words.readline()
    for number, descriptor in enumerate(descriptors[1:], start=1):
        os.dup2(descriptor, number)
        os.close(descriptor)
    if not told.endswith(b"\n"):  # the worker has given up on us, or is gone
        os._exit(UNTOLD)
    return Request.read(told)


def _begin_anew(request: Request) -> NoReturn:
    """Become what the process worker would have started; we stay the child that the worker knows."""
    _usual_signals()
    os.chdir(request.folder)
    os.execve(sys.executable, [sys.executable, "-m", prefect_private.ENGINE], request.environment)  # noqa: S606


def _usual_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def take_off(request: Request, own: frozenset[str]) -> None:
    """Leave nothing of the zygote that a run could tell it by: signals, environment, folder, settings, random state."""
    _usual_signals()
    ctypes.CDLL(None).prctl(_PR_SET_NAME, request.title.encode(errors="replace")[:15], 0, 0, 0)
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(request.environment)
    time.tzset()
    tempfile.tempdir = None  # where that is, too, is told by the environment
    os.chdir(request.folder)
    other_settings = prefect_private.has_other_settings(request.folder, before)
    _find_modules(request, own, ahead=request.preloaded and not other_settings)
    if (generators := sys.modules.get("numpy.random")) is not None:
        generators.seed()  # Python's own generator has seen to itself
    gc.enable()
    sys.argv = [getattr(sys.modules.get(prefect_private.ENGINE), "__file__", None) or prefect_private.ENGINE]
    if other_settings:
        prefect_private.as_in_a_new_process()


def _find_modules(request: Request, own: frozenset[str], *, ahead: bool) -> None:
    """Import from where a new process would; a module of the zygote that another one comes before is forgotten.

    Args:
        request: says where.
        own: names of the packages that the flows belong to.
        ahead: whether these may stay: they were imported as the run would. A decorator of Prefect's reads settings.
    """
    folders = [path for path in request.environment.get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.path[:0] = [request.folder, *(path for path in folders if path not in sys.path)]
    hidden = set() if ahead else set(own)
    for folder in (request.folder, *folders):
        hidden |= _names_in(folder)
    hidden -= {"prefect", "__main__"} | set(sys.stdlib_module_names)
    for name in [name for name in sys.modules if name.partition(".")[0] in hidden]:
        if not ahead or not _is_from(name, request.folder, *folders):
            del sys.modules[name]


def _names_in(folder: str) -> set[str]:
    """What can be imported from a folder, by its top name."""
    try:
        names = os.listdir(folder)  # noqa: PTH208  once per run
    except OSError:
        return set()
    files = {name.partition(".")[0] for name in names if name.endswith((".py", ".so"))}
    return files | {name for name in names if os.path.exists(f"{folder}/{name}/__init__.py")}  # noqa: PTH110


def _is_from(name: str, *folders: str) -> bool:
    path = getattr(sys.modules[name], "__file__", None) or ""
    return path.startswith(tuple(f"{os.path.abspath(folder)}{os.sep}" for folder in folders))  # noqa: PTH100


def _run(request: Request) -> int:
    if request.kind == "run":
        prefect_private.run_engine()
    else:
        asyncio.run(prefect_private.run_hooks(**request.hook))
    return 0


def _code(leave: SystemExit) -> int:
    """The exit code that Python makes of it."""
    if leave.code is None or isinstance(leave.code, int):
        return leave.code or 0
    sys.stderr.write(f"{leave.code}\n")
    return 1


def _end(code: int) -> NoReturn:
    """What a process does at its end, in Python's order."""
    try:
        threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001  there is no other name for it
        atexit._run_exitfuncs()  # noqa: SLF001
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        if code == -signal.SIGINT:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
    finally:
        os._exit(code & 0xFF)

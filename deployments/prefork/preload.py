"""What a zygote imports ahead, and the proof after each module that forking is still safe.

A module that starts a thread or opens a connection when it is imported must not be imported before a fork: the child
would have a copy without the thread, and share the connection. The zygote (`zygote`) begins anew without such a module.
"""

import importlib
import importlib.metadata
import importlib.util
import os
import stat
import sys
import sysconfig
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from deployments.prefork.request import Stamp

LOCK_FILES = ("requirements.lock", "uv.lock", "poetry.lock", "pylock.toml", "pyproject.toml")
SETTINGS = ("SELFHEAL_CONFIG",)
_STANDARD = {0, 1, 2}
"""Where we read from and write to, which a service manager may have made a socket."""
CHANGED_MEANWHILE: Stamp = (0, 0, 0)
"""The stamp of a file that may have been read before its last change: no file has it."""


def unsafe(*, known: Iterable[int]) -> str:
    """Why this process may not fork now; empty: it may.

    Args:
        known: file descriptors that are sockets of our own.
    """
    threads = len(os.listdir("/proc/self/task"))  # noqa: PTH208  runs before each fork
    if threads > 1:
        return f"starts {threads - 1} thread{'s' if threads > 2 else ''}"  # noqa: PLR2004
    sockets = _sockets() - _STANDARD - set(known)
    return f"opens a connection (file descriptor {min(sockets)})" if sockets else ""


def _sockets() -> set[int]:
    found = set()
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208  the same
        try:
            if stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                found.add(int(name))
        except OSError:  # the descriptor that listed the folder
            continue
    return found


def load(module: str) -> str:
    """Import it; gives why that cannot be, in one line. Whatever it raises is for the run that needs it."""
    try:
        importlib.import_module(module)
    except BaseException as error:  # noqa: BLE001  a module may even leave: the zygote goes on
        return f"cannot be imported: {type(error).__name__}: {error}".splitlines()[0]
    return ""


def own_names(modules: Sequence[str]) -> frozenset[str]:
    """Names of the packages that belong to the flows and to us: a run of somebody else's may have its own of them."""
    tops = {module.partition(".")[0] for module in (*modules, __name__)}
    owners = importlib.metadata.packages_distributions()
    ours = {owner for top in tops for owner in owners.get(top, ())}
    beside = {top for top, names in owners.items() if ours & set(names)}
    return frozenset(tops | beside | {name.partition(".")[0] for name in _project_files()})


def files(modules: Sequence[str], *, also: Sequence[str], since: float) -> dict[str, Stamp | None]:
    """What this process was made of: its project's code, packages, settings and lock files.

    Args:
        modules: those that were wanted, also where they could not be imported.
        also: further files, which need not be there.
        since: when the first of it was read, in seconds of the epoch.
    """
    code = {*_project_files().values(), *filter(None, map(_origin, modules))}
    roots = {_root(path) for path in code}
    locks = {str(root / name) for root in roots for name in LOCK_FILES}
    packages = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    settings = {os.environ[name] for name in SETTINGS if os.environ.get(name)}
    now = time.time()
    stamps: dict[str, Stamp | None] = {}
    for path in sorted({*code, *locks, *packages, *settings, *also}):
        stamps[path] = stamp(path)
        if (found := stamps[path]) is not None and since <= found[0] / 1e9 <= now:
            stamps[path] = CHANGED_MEANWHILE
    return stamps


def stamp(path: str) -> Stamp | None:
    """The file as it is now; None: it is not there."""
    try:
        found = os.stat(path)  # noqa: PTH116  runs for every file before each run
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _project_files() -> dict[str, str]:
    """File of each imported module that is neither of the standard library nor installed."""
    installed = tuple(f"{sysconfig.get_path(name)}{os.sep}" for name in ("stdlib", "platstdlib", "purelib", "platlib"))
    found = {}
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if isinstance(path, str) and path.endswith(".py") and not path.startswith(installed):
            found[name] = path
    return found


def _origin(module: str) -> str | None:
    """File of a module that could not be imported: its repair is a change, too."""
    if module in sys.modules:
        return None
    try:
        spec = importlib.util.find_spec(module)
    except BaseException:  # noqa: BLE001  the package around it cannot be imported either
        return None
    return spec.origin if spec is not None and spec.has_location else None


def _root(path: str) -> Path:
    """The folder that holds the top package of a file."""
    folder = Path(path).parent
    while (folder / "__init__.py").exists():
        folder = folder.parent
    return folder

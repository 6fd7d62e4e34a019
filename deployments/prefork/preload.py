"""What a zygote imports ahead, and the proof after each module that forking is still safe.

A module that starts a thread or a process, or keeps a connection or a file open, when it is imported, must not be
imported before a fork: the child would have a copy without the thread, and share the connection, or the place in the
file, with all others. The zygote (`zygote`) begins anew without such a module.
"""

import importlib
import importlib.metadata
import os
import stat
import sys
import sysconfig
import time
import traceback
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
        known: file descriptors of our own.
    """
    threads = len(os.listdir("/proc/self/task"))  # noqa: PTH208  runs before each fork
    if threads > 1:
        return f"starts {threads - 1} thread{'s' if threads > 2 else ''}"  # noqa: PLR2004
    if _processes():
        return "starts a process"
    return next(
        (why for descriptor in sorted(_descriptors() - _STANDARD - set(known)) if (why := _open(descriptor))), ""
    )


def _processes() -> str:
    try:
        with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as children:  # noqa: PTH123
            return children.read().strip()
    except OSError:  # a kernel that keeps no such list
        return ""


def _descriptors() -> set[int]:
    return {int(name) for name in os.listdir("/proc/self/fd")}  # noqa: PTH208  the same


def _open(descriptor: int) -> str:
    """What it is that runs must not share; a device (null, urandom, a terminal) they may."""
    try:
        kind, path = os.fstat(descriptor).st_mode, os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115
    except OSError:  # the descriptor that listed the folder
        return ""
    if stat.S_ISSOCK(kind):
        return f"opens a connection (file descriptor {descriptor})"
    return "" if stat.S_ISCHR(kind) else f"keeps {path} open (file descriptor {descriptor})"


def load(module: str, *, read: set[str] | None = None) -> str:
    """Import it; gives why that cannot be, in one line. Whatever it raises is for the run that needs it.

    Args:
        module: its name.
        read: gets the files in which it failed: the repair of each is a change.
    """
    try:
        importlib.import_module(module)
    except BaseException as error:  # noqa: BLE001  a module may even leave: the zygote goes on
        if read is not None:
            read |= {frame.filename for frame in traceback.extract_tb(error.__traceback__) if frame.filename[:1] == "/"}
            read |= {error.filename} if isinstance(error, SyntaxError) and error.filename else set()
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
    """What this process was made of: its project's code, the folders of installed packages, settings and lock files.

    Args:
        modules: those that were wanted, also where they could not be imported.
        also: further files, which need not be there; what was read among them.
        since: when the first of it was read, in seconds of the epoch.
    """
    code = {*_project_files().values(), *filter(None, map(_origin, modules))}
    roots = {_root(path) for path in code}
    locks = {str(root / name) for root in roots for name in LOCK_FILES}
    packages = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")} | _package_folders()
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
    return found.st_ctime_ns, found.st_size, found.st_ino


def _project_files() -> dict[str, str]:
    """File of each imported module that is neither of the standard library nor installed."""
    installed = _below("stdlib", "platstdlib", "purelib", "platlib")
    return {name: path for name, path in _module_files() if path.endswith(".py") and not path.startswith(installed)}


def _package_folders() -> set[str]:
    """Folders of the installed modules that are imported: an installation changes them, and what replaces a file."""
    installed = _below("purelib", "platlib")
    return {os.path.dirname(path) for _, path in _module_files() if path.startswith(installed)}  # noqa: PTH120


def _module_files() -> list[tuple[str, str]]:
    found = [(name, getattr(module, "__file__", None)) for name, module in list(sys.modules.items())]
    return [(name, path) for name, path in found if isinstance(path, str)]


def _below(*names: str) -> tuple[str, ...]:
    return tuple(f"{sysconfig.get_path(name)}{os.sep}" for name in names)


def _origin(module: str) -> str | None:
    """File of a module that was not imported, or of the package around it: its repair is a change, too.

    Nothing is imported to find it: a package may hang.
    """
    if module in sys.modules:
        return None
    origin, path = None, None
    parts = module.split(".")
    for depth in range(len(parts)):
        name = ".".join(parts[: depth + 1])
        spec = next((found for one in sys.meta_path if (found := one.find_spec(name, path))), None)
        if spec is None:
            break
        origin, path = spec.origin if spec.has_location else origin, spec.submodule_search_locations
    return origin


def _root(path: str) -> Path:
    """The folder that holds the top package of a file."""
    folder = Path(path).parent
    while (folder / "__init__.py").exists():
        folder = folder.parent
    return folder

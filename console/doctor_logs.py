"""`doctor`'s look at the logs that are followed."""

import os
from pathlib import Path

from console.checks import Problem
from console.place import Place


def files(place: Place) -> str:
    """Each file may be read by whoever runs this, and is one; what is not there yet is waited for."""
    found = place.settings().log_monitor.sources
    wrong, absent = [], []
    for name, source in sorted(found.items()):
        path = Path(source.file)
        if not source.file:
            continue
        if trouble := _trouble(path):
            wrong.append(f"{name}: {trouble}")
        elif not path.exists():
            absent.append(name if path.parent.exists() else f"{name} (nor is its folder {path.parent})")
    if wrong:
        hint = "name a file that is appended to; let the user of `selfheal up` read it, and enter its folder"
        raise Problem("; ".join(wrong), hint=hint)
    said = f"{len(found)} followed" if found else "none configured"
    return said + (f", not there yet: {', '.join(absent)}" if absent else "")


def _trouble(path: Path) -> str:
    """Why this file cannot be read, now or once it is there; empty: it can."""
    for folder in reversed(path.parents):
        if not folder.exists():
            return ""
        if not folder.is_dir():
            return f"{folder} is no folder"
        if not os.access(folder, os.X_OK):
            return f"its folder {folder} may not be entered"
    if not path.exists():
        return ""
    if not path.is_file():
        return f"{path} is no regular file"
    return "" if os.access(path, os.R_OK) else f"{path} may not be read"

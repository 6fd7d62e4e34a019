"""`doctor`'s look at the logs that are followed."""

import os
from pathlib import Path

from console.checks import Problem
from console.place import Place


def files(place: Place) -> str:
    """Each file may be read by whoever runs this, and is one; one that is not there yet is waited for."""
    found = place.settings().log_monitor.sources
    wrong, absent = [], []
    for name, source in sorted(found.items()):
        path = Path(source.file)
        if not source.file:
            continue
        if not os.access(path.parent, os.X_OK):
            wrong.append(f"{name}: its folder {path.parent} may not be entered, or is not there")
        elif not path.exists():
            absent.append(name)
        elif not path.is_file():
            wrong.append(f"{name}: {path} is no regular file")
        elif not os.access(path, os.R_OK):
            wrong.append(f"{name}: {path} may not be read")
    if wrong:
        hint = "name a file that is appended to, in a folder that is there; let the user of `selfheal up` read both"
        raise Problem("; ".join(wrong), hint=hint)
    said = f"{len(found)} followed" if found else "none configured"
    return said + (f", not there yet: {', '.join(absent)}" if absent else "")

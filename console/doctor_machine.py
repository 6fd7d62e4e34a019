"""`doctor`'s checks of the installation: Python, packages, the data folder."""

import os
import shutil
import sys
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from console.checks import Problem

LEAST_FREE_BYTES = 1024**3


def python() -> str:
    """The interpreter is one that we support."""
    wanted = SpecifierSet(metadata.metadata("selfheal")["Requires-Python"] or "")
    found = ".".join(map(str, sys.version_info[:3]))
    if found not in wanted:
        raise Problem(f"Python {found} is not {wanted}", hint=f"make the environment with a Python {wanted}")
    return f"Python {found}"


def packages() -> str:
    """Every package that we need is installed, in a version that works."""
    wrong = [words for text in metadata.requires("selfheal") or () if (words := _wrong(Requirement(text)))]
    if wrong:
        raise Problem("; ".join(wrong), hint="install again, as the README says")
    return f"selfheal {metadata.version('selfheal')}, prefect {metadata.version('prefect')}, all within their pins"


def data_folder(folder: Path) -> str:
    """The data folder is ours to read and write, and its disk is not full."""
    place = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(place, os.R_OK | os.W_OK | os.X_OK):
        raise Problem(f"{place} cannot be read and written", hint="run this as its owner, or name another with --data")
    free = shutil.disk_usage(place).free
    if free < LEAST_FREE_BYTES:
        raise Problem(f"{place} has only {free / 1024**2:.0f} MiB left", hint="free at least 1 GiB on that disk")
    made = "" if folder.exists() else " (made at the first start)"
    return f"{folder}{made}, {free / 1024**3:.1f} GiB free"


def _wrong(wanted: Requirement) -> str:
    """What is wrong with an installed package; empty: nothing."""
    if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
        return ""
    try:
        found = metadata.version(wanted.name)
    except metadata.PackageNotFoundError:
        return f"{wanted.name} is not installed"
    return (
        "" if wanted.specifier.contains(found, prereleases=True) else f"{wanted.name} {found} is not {wanted.specifier}"
    )

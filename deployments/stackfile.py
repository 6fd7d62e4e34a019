"""`run/stack.json` of the data folder: how other commands find the running stack.

The supervisor's owner writes it at every change and removes it at a clean stop; `selfheal status`, `heal` and
the rest read it. No password is in it.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from deployments.embedded.files import write_private
from deployments.part import PartStatus, State


@dataclass(frozen=True, kw_only=True)
class Stack:
    """A stack that runs, or says so."""

    pid: int
    """The supervisor."""
    started_at: float
    """Its start as the kernel knows it (seconds since 1970): the same number again is another process."""
    urls: Mapping[str, str]
    """By part; without credentials."""
    ports: Mapping[str, int]
    """By the setting's name."""
    parts: tuple[PartStatus, ...] = field(default=())
    config: str = ""
    """The settings in force: the accepted copy (see `accepted`)."""


def current(
    *, urls: Mapping[str, str], ports: Mapping[str, int], parts: tuple[PartStatus, ...], config: str = ""
) -> Stack:
    """Return the stack that this very process supervises."""
    started_at = psutil.Process().create_time()
    return Stack(pid=os.getpid(), started_at=started_at, urls=urls, ports=ports, parts=parts, config=config)


def write(path: Path, stack: Stack) -> None:
    """Replace the file in one step."""
    write_private(path, json.dumps(asdict(stack), indent=1))


def read(path: Path) -> Stack | None:
    """Return the running stack; None when there is none, or only the file of one that was killed."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        parts = tuple(PartStatus(**{**part, "state": State(part["state"])}) for part in kept.pop("parts"))
        stack = Stack(**kept, parts=parts)
        alive = abs(psutil.Process(stack.pid).create_time() - stack.started_at) < 1.0
    except (FileNotFoundError, psutil.NoSuchProcess):
        return None
    except (ValueError, TypeError, KeyError, AttributeError):
        return None  # of another version: as good as none, its owner replaces it
    return stack if alive else None


def remove(path: Path) -> None:
    """Say that nothing runs any more."""
    path.unlink(missing_ok=True)

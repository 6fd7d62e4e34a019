"""The settings in force: a copy of the file, kept in the data folder from the moment it was found right.

Every flow run reads the copy and not the file, so that an edit takes effect when `selfheal reload` has accepted it
and a wrong one never. The copy is replaced in one step; what stands beside it is only told to people.
"""

import json
import os
import tomllib
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from deployments.embedded.files import write_private
from selfheal.bootstrap import wire
from selfheal.model.errors import Permanent, SelfhealError
from selfheal.protocol.healer import Actions
from selfheal.settings.estate import Settings
from selfheal.settings.file import WrongSettings, interpret, text_of, variables

COPY, ABOUT = "accepted.toml", "accepted.json"
UNCONNECTED = "postgresql://unconnected/none"


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """Where the settings in force come from.

    Attributes:
        source: the file that was accepted; empty: none, only defaults and the environment.
        at: when, in ISO 8601.
        overrides: names of the environment variables of the running stack that stand above the file.
        needs_restart: settings that were accepted but count only after a restart.
    """

    source: str
    at: str
    overrides: tuple[str, ...] = ()
    needs_restart: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A file that was read once and found right; not in force yet."""

    path: Path | None
    text: str
    settings: Settings


def candidate(path: Path | None) -> Candidate:
    """Read the file (None: no file) and find out whether the estate can be wired with it.

    Raises:
        Permanent: it cannot be read.
        WrongSettings: something in it is wrong.
    """
    text = "" if path is None else text_of(path)
    settings = interpret(text, path=path)
    try:
        check(settings)
    except Permanent as error:
        source = str(path) if path else "the environment"
        raise WrongSettings([error.message], source=source, hint=error.hint) from error
    return Candidate(path=path, text=text, settings=settings)


def check(settings: Settings) -> None:
    """Wire the estate once, unconnected: what would stop every watcher is told here and not in a worker's log."""
    estate = wire(settings, database_url=UNCONNECTED)
    try:
        for component in estate.healer.components.values():
            for action in component.ladder:
                _known(estate.healer.actions, component.name, action)
    finally:
        estate.close()


def _known(actions: Actions, component: str, name: str) -> None:
    """The action exists and can be loaded; else says whose ladder names it."""
    try:
        actions.get(name)
    except Permanent as error:
        raise Permanent(f"components.{component}.ladder: {error.message}", hint=error.hint) from error


def accept(data: Path, found: Candidate, *, needs_restart: tuple[str, ...] = ()) -> Path:
    """Put a candidate in force; gives the copy.

    Raises:
        Permanent: the disk is full; what was in force still is.
    """
    about = Accepted(
        source="" if found.path is None else str(found.path.absolute()),
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        overrides=tuple(variables(os.environ)),
        needs_restart=needs_restart,
    )
    write_private(copy_in(data), found.text)
    write_private(data / "run" / ABOUT, json.dumps(asdict(about), indent=1))
    return copy_in(data)


def copy_in(data: Path) -> Path:
    """Where the copy is."""
    return data / "run" / COPY


def about(data: Path) -> Accepted | None:
    """What is known of the settings in force; None if nothing was ever accepted here."""
    try:
        kept = json.loads((data / "run" / ABOUT).read_text(encoding="utf-8"))
        return Accepted(
            source=kept["source"],
            at=kept["at"],
            overrides=tuple(kept["overrides"]),
            needs_restart=tuple(kept["needs_restart"]),
        )
    except (OSError, ValueError, TypeError, KeyError):
        return None


def differs(data: Path) -> str:
    """How the file on disk differs from what is in force; empty: not at all."""
    known = about(data)
    if known is None or not known.source:
        return ""
    try:
        now, then = text_of(Path(known.source)), text_of(copy_in(data))
        same = now == then or tomllib.loads(now) == tomllib.loads(then)
    except SelfhealError as error:
        return error.message
    except tomllib.TOMLDecodeError as error:
        return f"{known.source} is no TOML: {error}"
    return "" if same else f"{known.source} was changed since; `selfheal reload` takes it up"

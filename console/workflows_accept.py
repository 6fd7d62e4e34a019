"""`selfheal workflows accept`: a person says that the request file is small on purpose."""

from console.failure import FINE, WrongUsage
from console.output import Cell, rehearsed, show
from console.pause import operator
from console.place import Output, Place
from selfheal.model.errors import Permanent
from selfheal.model.file_change import FileStanding, FileState


def accept(place: Place, output: Output, *, why: str, dry_run: bool) -> int:
    """Take it for whole from now on; what it was stays in its copies.

    Raises:
        WrongUsage: no reason is given, or the settings name no file.
        Permanent: it is not there, or cannot be read.
        TargetChanged: it changes while it is looked at.
    """
    if not why:
        raise WrongUsage("--why is empty", hint="say why; it is recorded")
    from console.deed import noted  # noqa: PLC0415  keeps `--help` fast
    from selfheal.bootstrap import wire  # noqa: PLC0415
    from selfheal.policy.identity import Deed  # noqa: PLC0415

    estate = wire(place.settings(), database_url=place.database_url())
    try:
        file = estate.request_file
        if file is None:
            raise WrongUsage("the settings name no request file", hint="set workflows.request_file")
        found = file.standing()
        if found.state not in {FileState.PRESENT, FileState.SHRUNKEN}:
            raise Permanent(f"nothing to accept: {found.detail}", hint="restore it, or write it anew")
        if found.state is FileState.SHRUNKEN and not dry_run:
            with noted(place, Deed.ACCEPT_FILE, subject=str(file.path), why=why, sha256=found.sha256):
                file.accept(sha256=found.sha256, who=operator(), why=why)
    finally:
        estate.close()
    show([], output=output, facts=rehearsed(dry_run) | _facts(found))
    return FINE


def _facts(found: FileStanding) -> dict[str, Cell]:
    """What was accepted, and in place of what."""
    last = found.last_good
    return {
        "request_file": "whole already" if found.state is FileState.PRESENT else "accepted as it is",
        "entries": found.entries,
        "bytes": found.size,
        "entries_before": None if last is None else last.entries,
        "bytes_before": None if last is None else last.size,
        "lost": len(found.lost),
    }

"""`selfheal pause`: the kill switch. Nothing is healed until `selfheal resume`; heals under way finish."""

import os
import pwd
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from console.failure import WrongUsage
from console.output import Cell, rehearsed, show
from console.place import DryRun, Output, Place

if TYPE_CHECKING:
    from selfheal.model.pause import Pause


def pause(
    *,
    why: Annotated[str, Parameter(help="Why; everybody whose heal is refused reads it.")],
    for_: Annotated[
        str | None, Parameter(name="--for", help='How long, like "30 min" or "2 h"; else until `selfheal resume`.')
    ] = None,
    dry_run: DryRun = False,
    place: Place = Place(),  # noqa: B008 - frozen: cyclopts fills a copy
    output: Output = "table",
) -> int:
    """Let nothing be healed."""
    if not why.strip():
        raise WrongUsage("--why is empty", hint="say why; everybody whose heal is refused reads it")
    duration = None if for_ is None else duration_of(for_)
    from console.database import database_of  # noqa: PLC0415  keeps `--help` fast
    from console.deed import deed  # noqa: PLC0415  the same
    from selfheal.policy.identity import Deed  # noqa: PLC0415  the same

    with (
        database_of(place, dry_run=dry_run) as database,
        deed(database.engine, Deed.PAUSE, why=why.strip(), lasts=for_),
    ):
        paused = database.pauses.pause(who=operator(), why=why.strip(), duration=duration)
    show([], output=output, facts=rehearsed(dry_run) | facts(paused))
    return 0


def facts(paused: "Pause | None") -> dict[str, Cell]:
    """What a person reads of the kill switch: one word, and whose it is."""
    if paused is None:
        return {"healing": "active"}
    return {
        "healing": "PAUSED",
        "paused_by": paused.who,
        "paused_since": paused.since,
        "paused_until": paused.until or "somebody runs `selfheal resume --why ...`",
        "paused_why": paused.why,
    }


def operator() -> str:
    """Who asks: the operating system's user, and whoever became root by sudo."""
    number = os.getuid()
    try:
        name = pwd.getpwuid(number).pw_name
    except KeyError:
        name = f"user {number}"
    behind = os.environ.get("SUDO_USER", "") if number == 0 else ""
    return f"{behind} (as {name})" if behind else name


def duration_of(words: str, *, option: str = "--for") -> timedelta:
    """What `--for`, or an option like it, says."""
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415  keeps `--help` fast

    from selfheal.settings.values import Duration  # noqa: PLC0415

    try:
        return TypeAdapter[timedelta](Duration).validate_python(words)
    except ValidationError as error:
        said = str(error.errors()[0]["msg"]).removeprefix("Value error, ")
        raise WrongUsage(f"{option} {words!r} {said}", hint='write it like "30 min" or "2 h"') from None

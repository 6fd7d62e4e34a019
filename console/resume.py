"""`selfheal resume`: ends a pause."""

from typing import Annotated

from cyclopts import Parameter

from console.failure import WrongUsage
from console.output import Cell, rehearsed, show
from console.pause import operator
from console.place import DryRun, Output, Place


def resume(
    *,
    why: Annotated[str, Parameter(help="Why healing may go on; it is recorded.")],
    dry_run: DryRun = False,
    place: Place = Place(),  # noqa: B008 - frozen: cyclopts fills a copy
    output: Output = "table",
) -> int:
    """Let heals be admitted again."""
    if not why.strip():
        raise WrongUsage("--why is empty", hint="say why healing may go on, e.g. --why 'the storage is moved'")
    from console.database import database_of  # noqa: PLC0415  keeps `--help` fast
    from console.deed import deed  # noqa: PLC0415  the same
    from selfheal.policy.identity import Deed  # noqa: PLC0415  the same

    with database_of(place, dry_run=dry_run) as database, deed(database.engine, Deed.RESUME, why=why.strip()):
        ended = database.pauses.resume(who=operator(), why=why.strip())
    told: dict[str, Cell] = rehearsed(dry_run) | {"healing": "active", "note": "it was not paused"}
    if ended is not None:
        told["note"] = f"the pause by {ended.who} is over ({ended.why}); what is sick is healed within half a minute"
    show([], output=output, facts=told)
    return 0

"""`selfheal storm`: what so many faults at once have stopped, and the word that lets heals begin again."""

from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from console.failure import BAD_NEWS, FINE, WrongUsage
from console.output import Cell, Section, rehearsed, show
from console.pause import operator
from console.place import DryRun, Output, Place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selfheal.model.storm import Storm

COLUMNS = ("storm", "sick_at_least", "began_at", "quiet_at", "go_by", "why")


def storm(  # noqa: PLR0913 - each is an option of the command
    do: Annotated[Literal["list", "go"], Parameter(help="list the storms, or let heals begin again.")] = "list",
    /,
    *,
    who: Annotated[str, Parameter(help="Who decides; else the operating system's user.")] = "",
    why: Annotated[str, Parameter(help="Why heals may begin; it is recorded.")] = "",
    dry_run: DryRun = False,
    place: Place = Place(),  # noqa: B008 - frozen: cyclopts fills a copy
    output: Output = "table",
) -> int:
    """List the storms, or let heals begin again."""
    if do == "go" and not why.strip():
        raise WrongUsage("--why is empty", hint="say why heals may begin again, e.g. --why 'the power is back'")
    from console.database import database_of  # noqa: PLC0415  keeps `--help` fast
    from console.deed import deed  # noqa: PLC0415  the same
    from selfheal.policy.identity import Deed  # noqa: PLC0415  the same

    with database_of(place, dry_run=dry_run) as database:
        decided = None
        if do == "go":
            with deed(database.engine, Deed.STORM_GO, who=who, why=why.strip()) as told:
                decided = told["storms"] = database.storms.go(who=who.strip() or operator(), why=why.strip())
        storms = database.storms.current()
    facts = rehearsed(dry_run) | ({} if decided is None else {"storms_let_go": decided})
    show([section(storms)], output=output, facts=facts)
    return BAD_NEWS if decided == 0 else FINE


def section(storms: "Sequence[Storm]") -> Section:
    """The storms as a table."""
    rows: list[dict[str, Cell]] = [
        {
            "storm": one.group or "the estate",
            "sick_at_least": one.sick,
            "began_at": one.began_at,
            "quiet_at": one.quiet_at,
            "go_by": one.go_by or None,
            "why": one.go_why or None,
        }
        for one in storms
    ]
    return Section(name="storms", columns=COLUMNS, rows=rows)

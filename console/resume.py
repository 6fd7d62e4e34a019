"""`selfheal resume`: ends a pause."""

from console.output import Cell, show
from console.pause import operator
from console.place import Output, Place


def resume(*, place: Place = Place(), output: Output = "table") -> int:  # noqa: B008 - frozen: cyclopts fills a copy
    """Let heals be admitted again."""
    from console.database import database_of  # noqa: PLC0415  keeps `--help` fast

    with database_of(place) as database:
        ended = database.pauses.resume(operator())
    told: dict[str, Cell] = {"healing": "active", "note": "it was not paused"}
    if ended is not None:
        told["note"] = f"the pause by {ended.who} is over ({ended.why}); what is sick is healed within half a minute"
    show([], output=output, facts=told)
    return 0

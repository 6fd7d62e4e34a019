"""`selfheal approvals`: what waits for a person's word."""

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from console.failure import FINE
from console.output import Cell, Section, show
from console.place import Output, Place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selfheal.model.approval import Approval

COLUMNS = ("approval", "state", "action", "component", "asked_by", "asked_at", "expires_at", "why", "detail")


def approvals(
    *,
    ended: Annotated[
        bool, Parameter(negative=(), help="Also those that expired, or that a recovery overtook.")
    ] = False,
    limit: Annotated[int, Parameter(validator=Number(gte=1, lte=10_000), help="How many.")] = 20,
    place: Place = Place(),  # noqa: B008 - frozen: cyclopts fills a copy
    output: Output = "table",
) -> int:
    """List what waits for a person's word."""
    from console.database import database_of  # noqa: PLC0415  keeps `--help` fast

    with database_of(place) as database:
        asked = database.approvals.newest(limit=limit, ended=ended)
    show([section(asked)], output=output)
    return FINE


def section(asked: "Sequence[Approval]") -> Section:
    """The questions as a table."""
    rows: list[dict[str, Cell]] = [
        {
            "approval": str(one.id),
            "state": one.state,
            "action": one.action,
            "component": one.component,
            "asked_by": one.asked_by,
            "asked_at": one.asked_at,
            "expires_at": one.expires_at,
            "why": one.why,
            "detail": f"{'; '.join(one.preview) or 'no steps are known'}. It touches {one.blast_radius}",
        }
        for one in asked
    ]
    return Section(name="approvals", columns=COLUMNS, rows=rows, when_empty="nothing waits for a person's word")

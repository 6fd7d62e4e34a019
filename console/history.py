"""`selfheal history`: the newest attempts."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from console.output import Cell, Section, show
from console.place import Output, Place

if TYPE_CHECKING:
    from selfheal.model.report import HistoryLine

COLUMNS = (
    "when",
    "component",
    "action",
    "outcome",
    "verification",
    "act_s",
    "total_s",
    "why",
    "message",
)


def history(
    *,
    place: Place = Place(),  # noqa: B008 - frozen: cyclopts fills a copy
    limit: Annotated[int, Parameter(validator=Number(gte=1, lte=10_000), help="How many.")] = 20,
    component: Annotated[str, Parameter(help="Only of this component.")] = "",
    transitions: Annotated[
        bool, Parameter(negative=(), help="Also what the circuit breakers did; those rows are no attempts.")
    ] = False,
    output: Output = "table",
) -> int:
    """List the newest attempts."""
    url = place.database_url()
    from console.database import reading  # noqa: PLC0415  keeps `--help` fast
    from selfheal.model.page import Slice  # noqa: PLC0415
    from selfheal.model.report import AttemptFilter  # noqa: PLC0415

    wanted = AttemptFilter(component=component, transitions=transitions)
    with reading(url) as database:
        page = database.attempts.page(Slice(limit=limit), wanted)
    rows = [_row(line) for line in page.items]
    section = Section(name="attempts", columns=COLUMNS, rows=rows, when_empty="nothing was healed yet")
    show([section], output=output)
    return 0


def seconds(begin: datetime | None, end: datetime | None) -> float | None:
    """From one moment to another; None where one is missing."""
    return None if begin is None or end is None else round((end - begin).total_seconds(), 3)


def _row(line: "HistoryLine") -> dict[str, Cell]:
    return {
        "when": line.created_at,
        "component": line.component,
        "action": line.action,
        "outcome": line.status if line.phase is None or line.completed_at else f"{line.status} ({line.phase})",
        "verification": line.verification,
        "act_s": seconds(line.act_started_at, line.act_ended_at),
        "total_s": seconds(line.created_at, line.completed_at),
        "why": f"pre-emptive: {line.why}" if line.preemptive else line.why,
        "message": line.message,
    }

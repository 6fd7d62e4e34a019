"""`selfheal maintenance`: windows in which nothing in their scope is healed."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cyclopts import Parameter

from console.failure import FINE, WrongUsage
from console.output import Cell, Section, show
from console.pause import duration_of, operator
from console.place import Output, Place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selfheal.model.maintenance import Scope, Window

COLUMNS = ("window", "scope", "begins_at", "ends_at", "who", "why")


def maintenance(  # noqa: PLR0913 - each is an option of the command
    do: Annotated[Literal["list", "plan", "end"], Parameter(help="list, plan a window, or end one early.")] = "list",
    window: Annotated[str, Parameter(help="end: the window's id, as the list shows it.")] = "",
    /,
    *,
    component: Annotated[str, Parameter(help="Only this component; else --group, else the whole estate.")] = "",
    group: Annotated[str, Parameter(help="Only this group of components.")] = "",
    begins: Annotated[str, Parameter(name="--from", help='Like "2026-12-01 22:00"; else now.')] = "",
    for_: Annotated[str, Parameter(name="--for", help='How long, like "2 h".')] = "1 h",
    zone: Annotated[str, Parameter(help="IANA zone of --from, like Europe/Berlin.")] = "UTC",
    why: Annotated[str, Parameter(help="Why; everybody whose heal is refused reads it.")] = "",
    place: Place = Place(),  # noqa: B008 - frozen: cyclopts fills a copy
    output: Output = "table",
) -> int:
    """List, plan or end maintenance windows."""
    from console.database import database_of  # noqa: PLC0415  keeps `--help` fast

    begins_at = _moment(begins, zone)
    length = duration_of(for_)
    scope, name = _scope(component, group, place)
    if do == "plan" and not why.strip():
        raise WrongUsage("--why is empty", hint="say why; everybody whose heal is refused reads it")
    with database_of(place) as database:
        if do == "plan":
            database.maintenance.plan(
                scope=scope,
                name=name,
                begins_at=begins_at,
                ends_at=begins_at + length,
                zone=zone,
                who=operator(),
                why=why.strip(),
            )
        elif do == "end" and not database.maintenance.end(_id(window), who=operator()):
            raise WrongUsage(f"no window {window} is planned or in force", hint="see `selfheal maintenance list`")
        windows = database.maintenance.upcoming()
    show([section(windows)], output=output)
    return FINE


def section(windows: "Sequence[Window]") -> Section:
    """The windows as a table."""
    rows: list[dict[str, Cell]] = [
        {
            "window": str(one.id),
            "scope": f"{one.scope} {one.name}".strip(),
            "begins_at": one.begins_at,
            "ends_at": one.ends_at,
            "who": one.who,
            "why": one.why,
        }
        for one in windows
    ]
    return Section(name="maintenance", columns=COLUMNS, rows=rows)


def _moment(words: str, zone: str) -> datetime:
    """A local time of that zone; now without one."""
    try:
        place = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise WrongUsage(f"--zone {zone!r} is no IANA zone", hint="write it like Europe/Berlin, or UTC") from None
    if not words:
        return datetime.now(place)
    try:
        return datetime.fromisoformat(words).replace(tzinfo=place)
    except ValueError:
        raise WrongUsage(f"--from {words!r} is no time", hint='write it like "2026-12-01 22:00"') from None


def _scope(component: str, group: str, place: Place) -> "tuple[Scope, str]":
    """What the window is about, which must exist."""
    from selfheal.model.maintenance import Scope  # noqa: PLC0415  keeps `--help` fast
    from selfheal.policy.names import nearest  # noqa: PLC0415

    if not component and not group:
        return Scope.ESTATE, ""
    if component and group:
        raise WrongUsage("--component and --group exclude each other")
    known = place.settings().components
    names = set(known) if component else {one.group for one in known.values() if one.group}
    name, kind = component or group, Scope.COMPONENT if component else Scope.GROUP
    if name not in names:
        raise WrongUsage(f"no {kind} is named {name!r}{nearest(name, names)}")
    return kind, name


def _id(window: str) -> UUID:
    try:
        return UUID(window)
    except ValueError:
        raise WrongUsage(f"{window!r} is no window's id", hint="see `selfheal maintenance list`") from None

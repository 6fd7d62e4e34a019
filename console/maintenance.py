"""`selfheal maintenance`: windows in which nothing in their scope is healed."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cyclopts import Parameter

from console.failure import FINE, WrongUsage
from console.output import Cell, Section, rehearsed, show
from console.pause import duration_of, operator
from console.place import DryRun, Output, Place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from console.database import Database
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
    zone: Annotated[str, Parameter(help="IANA zone of a --from without an offset, like Europe/Berlin.")] = "UTC",
    why: Annotated[str, Parameter(help="Why; everybody whose heal is refused reads it.")] = "",
    dry_run: DryRun = False,
    place: Place = Place(),  # noqa: B008 - frozen: cyclopts fills a copy
    output: Output = "table",
) -> int:
    """List, plan or end maintenance windows."""
    from console.database import database_of  # noqa: PLC0415  keeps `--help` fast

    _fits(do, window=window, given={"--component": component, "--group": group, "--from": begins})
    ending = _id(window) if do == "end" else None
    begins_at = moment(begins, zone)
    ends_at = begins_at + duration_of(for_)
    scope, name = _scope(component, group, place)
    if do != "list" and not why.strip():
        raise WrongUsage("--why is empty", hint="say why; it is recorded, and everybody whose heal is refused reads it")
    if ends_at <= datetime.now(UTC):
        raise WrongUsage(f"the window would be over since {ends_at:%Y-%m-%d %H:%M} UTC", hint="give a later --from")
    with database_of(place, dry_run=dry_run) as database:
        if do == "plan":
            _plan(database, scope, name, begins_at, ends_at, zone=zone, why=why.strip())
        elif ending is not None:
            _end(database, ending, why.strip())
        windows = database.maintenance.upcoming()
    show([section(windows)], output=output, facts=rehearsed(dry_run))
    return FINE


def _plan(  # noqa: PLR0913 - each is a part of a window
    database: "Database", scope: "Scope", name: str, begins_at: datetime, ends_at: datetime, *, zone: str, why: str
) -> None:
    """A person's word, with its record."""
    from console.deed import deed  # noqa: PLC0415  keeps `--help` fast
    from selfheal.policy.identity import Deed  # noqa: PLC0415  the same

    subject, times = f"{scope} {name}".strip(), {"begins_at": begins_at, "ends_at": ends_at}
    told = {name: time.isoformat() for name, time in times.items()}
    with deed(database.engine, Deed.PLAN_MAINTENANCE, subject=subject, why=why, **told):
        database.maintenance.plan(scope=scope, name=name, zone=zone, who=operator(), why=why, **times)


def _end(database: "Database", window: UUID, why: str) -> None:
    """The same."""
    from console.deed import deed  # noqa: PLC0415  keeps `--help` fast
    from selfheal.policy.identity import Deed  # noqa: PLC0415  the same

    with deed(database.engine, Deed.END_MAINTENANCE, subject=str(window), why=why):
        if not database.maintenance.end(window, who=operator(), why=why):
            raise WrongUsage(f"no window {window} is planned or in force", hint="see `selfheal maintenance list`")


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


def _fits(do: str, *, window: str, given: Mapping[str, str]) -> None:
    """What was given belongs to what is to be done; else a person would take it for done."""
    if do == "end" and not window:
        raise WrongUsage("which window?", hint="see `selfheal maintenance list`")
    if do != "end" and window:
        raise WrongUsage(f"{do} takes no window ({window!r})", hint="give times as --from and --for")
    wrong = [option for option, value in given.items() if value]
    if do != "plan" and wrong:
        raise WrongUsage(f"{do} takes no {wrong[0]}", hint="only `selfheal maintenance plan` does")


def moment(words: str, zone: str) -> datetime:
    """A local time of that zone, in UTC; now without one.

    Raises:
        WrongUsage: there is no such zone or time; the clocks skip it, or show it twice, on that day.
    """
    try:
        place = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise WrongUsage(f"--zone {zone!r} is no IANA zone", hint="write it like Europe/Berlin, or UTC") from None
    if not words:
        return datetime.now(UTC)
    try:
        told = datetime.fromisoformat(words)
    except ValueError:
        raise WrongUsage(f"--from {words!r} is no time", hint='write it like "2026-12-01 22:00"') from None
    if told.tzinfo is not None:
        return told.astimezone(UTC)
    first, second = (told.replace(tzinfo=place, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first != second:
        what = "shows twice" if first < second else "skips"
        either = " or ".join(f'"{one.astimezone(place).isoformat(" ", "minutes")}"' for one in sorted((first, second)))
        raise WrongUsage(f"--from {words!r} is a time that the clock in {zone} {what}", hint=f"write {either}")
    return first


def _scope(component: str, group: str, place: Place) -> "tuple[Scope, str]":
    """What the window is about, which must exist."""
    from selfheal.model.maintenance import Scope  # noqa: PLC0415  keeps `--help` fast
    from selfheal.policy.names import nearest  # noqa: PLC0415

    if not component and not group:
        return Scope.ESTATE, ""
    if component and group:
        raise WrongUsage("--component and --group exclude each other", hint="plan a window for each")
    known = place.settings().catalogue()
    names = set(known) if component else {one.group for one in known.values() if one.group}
    name, kind = component or group, Scope.COMPONENT if component else Scope.GROUP
    if name not in names:
        raise WrongUsage(f"no {kind} is named {name!r}{nearest(name, names)}", hint="see `selfheal status`")
    return kind, name


def _id(window: str) -> UUID:
    try:
        return UUID(window)
    except ValueError:
        raise WrongUsage(f"{window!r} is no window's id", hint="see `selfheal maintenance list`") from None

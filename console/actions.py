"""`selfheal actions`: how far each action may go by itself, and a person's decision about one."""

from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from console.failure import FINE, WrongUsage
from console.output import Cell, Section, rehearsed, show
from console.pause import operator
from console.place import DryRun, Output, Place

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from selfheal.bootstrap import Estate
    from selfheal.model.mode import ModeChange

COLUMNS = ("action", "mode", "in_settings", "written", "who", "since", "needed_in_shadow", "why")
CHANGES = ("at", "action", "change", "before", "after", "who", "why")
SHOWN = 10


def actions(  # noqa: PLR0913 - each is an option of the command
    do: Annotated[Literal["list", "mode"], Parameter(help="list, or decide how far one may go.")] = "list",
    action: Annotated[str, Parameter(help="mode: of which action, like restart-service.")] = "",
    mode: Annotated[str, Parameter(help="mode: observe, shadow, approve or auto.")] = "",
    /,
    *,
    who: Annotated[str, Parameter(help="Who decides; else the operating system's user.")] = "",
    why: Annotated[str, Parameter(help="Why; it is recorded, and told to whom it refuses.")] = "",
    dry_run: DryRun = False,
    place: Place = Place(),  # noqa: B008 - frozen: cyclopts fills a copy
    output: Output = "table",
) -> int:
    """List the modes of the actions, or decide about one."""
    from console.estate import estate_of  # noqa: PLC0415  keeps `--help` fast

    with estate_of(place, dry_run=dry_run) as estate:
        if do == "mode":
            _decide(estate, action, mode, who.strip() or operator(), why.strip())
        sections = [_modes(estate), _ahead(estate), changes(estate.modes.changes(limit=SHOWN))]
    show(sections, output=output, facts=rehearsed(dry_run))
    return FINE


def changes(lines: "Sequence[ModeChange]") -> Section:
    """What became of the modes, and what is proposed."""
    rows: list[dict[str, Cell]] = [
        {
            "at": one.at,
            "action": one.action,
            "change": one.change.value,
            "before": one.before,
            "after": one.after,
            "who": one.who,
            "why": one.why,
        }
        for one in lines
    ]
    return Section(name="changes_and_proposals", columns=CHANGES, rows=rows)


def _modes(estate: "Estate") -> Section:
    """The mode in force of each action, and where it comes from."""
    return Section(name="actions", columns=COLUMNS, rows=_rows(estate, estate.modes_by_settings()))


def _ahead(estate: "Estate") -> Section:
    """The same before anything is sick; what only observes there is not listed."""
    written, shadowed = estate.modes.written(), {one.action for one in estate.modes.shadowed()}
    known = estate.modes_ahead()
    named = {name: mode for name, mode in known.items() if mode != "observe" or name in written or name in shadowed}
    nothing = "before anything is sick all actions only observe: see [prediction.preempt]"
    return Section(name="before_anything_is_sick", columns=COLUMNS, rows=_rows(estate, named), when_empty=nothing)


def _rows(estate: "Estate", modes: "Mapping[str, str]") -> list[dict[str, "Cell"]]:
    """Each with what was written and shown of it."""
    from selfheal.model.prediction import PREEMPT  # noqa: PLC0415  keeps `--help` fast
    from selfheal.policy.promotion import stricter  # noqa: PLC0415  the same

    written = estate.modes.written()
    shadowed = {one.action: one for one in estate.modes.shadowed()}
    rows: list[dict[str, Cell]] = []
    for name, by_settings in modes.items():
        own, shadow = written.get(name.removeprefix(PREEMPT)), shadowed.get(name)
        one = written.get(name) or own
        judged = 0 if shadow is None else shadow.needed + shadow.unneeded
        rows.append(
            {
                "action": name,
                "mode": stricter([by_settings, *(said.mode for said in (one, own) if said)]).value,
                "in_settings": by_settings,
                "written": one.mode.value if one else None,
                "who": one.who if one else None,
                "since": one.since if one else None,
                "needed_in_shadow": f"{shadow.needed} of {judged}" if shadow and judged else None,
                "why": one.why if one else None,
            }
        )
    return rows


def _decide(estate: "Estate", action: str, mode: str, who: str, why: str) -> None:
    """Write a person's decision down."""
    from selfheal.model.mode import ActionMode  # noqa: PLC0415  keeps `--help` fast
    from selfheal.policy.names import nearest  # noqa: PLC0415

    if not action or not mode:
        raise WrongUsage("name an action and its mode", hint="like `selfheal actions mode restart-service approve`")
    from console.deed import deed  # noqa: PLC0415  the same
    from selfheal.policy.identity import Deed  # noqa: PLC0415  the same

    known = [one.value for one in ActionMode]
    if mode not in known:
        raise WrongUsage(f"{mode[:50]!r} is no mode{nearest(mode, known)}")
    if not why:
        raise WrongUsage("--why is empty", hint="say why; it is recorded, and told to whom it refuses")
    name = estate.mode_name(action)
    with deed(estate.engine, Deed.SET_MODE, subject=name, who=who, mode=mode, why=why):
        estate.modes.set(name, ActionMode(mode), who=who, why=why)

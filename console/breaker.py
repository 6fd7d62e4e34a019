"""`selfheal breaker`: the circuit breakers of actions and agents, what failed, and a person's override of one."""

from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from console.failure import FINE, WrongUsage
from console.output import Cell, Section, rehearsed, show
from console.pause import duration_of, operator
from console.place import DryRun, Output, Place

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from selfheal.bootstrap import Estate
    from selfheal.model.breaker import Breaker, BreakerDeed, Failure

COLUMNS = ("breaker", "state", "mode", "failure_rate", "results", "probes", "prevented", "until", "who", "why")
FAILURES = 20


def breaker(  # noqa: PLR0913 - each is an option of the command
    do: Annotated[
        Literal["list", "show", "open", "close", "automatic", "reset"],
        Parameter(help="list, show one and its failures, force it, end that, or make it as new."),
    ] = "list",
    name: Annotated[
        str, Parameter(help="An action, like restart-service, or agent:NAME, or agent:TENANT/NAME of one tenant.")
    ] = "",
    /,
    *,
    who: Annotated[str, Parameter(help="Who decides; else the operating system's user.")] = "",
    why: Annotated[str, Parameter(help="Why; it is recorded, and told to whom it refuses.")] = "",
    for_: Annotated[
        str, Parameter(name="--for", help="open, close: how long, like 2 h; else until somebody ends it.")
    ] = "",
    dry_run: DryRun = False,
    place: Place = Place(),  # noqa: B008 - frozen: cyclopts fills a copy
    output: Output = "table",
) -> int:
    """List the breakers, show one, or decide in place of one."""
    from console.estate import estate_of  # noqa: PLC0415  keeps `--help` fast

    if (do == "list") == bool(name):
        wrong = f"{do} names no breaker" if do != "list" else "list takes no name"
        raise WrongUsage(wrong, hint="like `selfheal breaker show restart-service`")
    with estate_of(place, dry_run=dry_run) as estate:
        known = estate.breaker_name(name) if name else ""
        if do not in {"list", "show"}:
            _decide(estate, known, do, who=who, why=why, for_=for_)
        found = estate.breakers.present(known)
        prevented = estate.breakers.prevented()
        failures = estate.breakers.recent_failures(known, limit=FAILURES) if known else None
    sections = [Section(name="breakers", columns=COLUMNS, rows=[row(one, prevented.get(one.name, 0)) for one in found])]
    sections += [] if failures is None else [_section(failures)]
    show(sections, output=output, facts=rehearsed(dry_run))
    return FINE


def _decide(estate: "Estate", known: str, do: str, *, who: str, why: str, for_: str) -> None:  # noqa: PLR0913 - its parts
    """A person's word, with its record."""
    from console.deed import deed as recorded  # noqa: PLC0415  keeps `--help` fast
    from selfheal.policy.identity import Deed  # noqa: PLC0415  the same

    deed, lasts = _decision(do, why, for_)
    with recorded(estate.engine, Deed.OVERRIDE_BREAKER, subject=known, who=who, to=do, lasts=for_, why=why.strip()):
        estate.breakers.decide(known, deed, who=who.strip() or operator(), why=why, lasts=lasts)


def row(one: "Breaker", prevented: int) -> dict[str, Cell]:
    """One line of the table, as an ask would find the breaker now."""
    override = one.override
    out = [f"{one.successes} good", f"{one.failures} bad", f"{len(one.permits)} under way"]
    return {
        "breaker": one.name,
        "state": one.state.value,
        "mode": one.mode.value,
        "failure_rate": round(one.failure_rate, 2),
        "results": "".join("+" if good else "-" for good in one.results) or None,
        "probes": ", ".join(out) if one.state.value == "HALF_OPEN" else None,
        "prevented": prevented if one.name.startswith("agent:") else None,
        "until": one.open_until or (override.until if override else None),
        "who": override.who if override else None,
        "why": override.why if override else None,
    }


def _section(failures: "Sequence[Failure]") -> Section:
    rows: list[dict[str, Cell]] = [{"at": one.at, "permit": str(one.permit), "message": one.note} for one in failures]
    return Section(name="recent_failures", columns=("at", "permit", "message"), rows=rows)


def _decision(do: str, why: str, for_: str) -> "tuple[BreakerDeed, timedelta | None]":
    """What a person decides, and for how long."""
    from selfheal.model.breaker import BreakerDeed  # noqa: PLC0415  keeps `--help` fast

    if not why.strip():
        raise WrongUsage("--why is empty", hint="say why; it is recorded, and told to whom it refuses")
    if for_ and do not in {"open", "close"}:
        raise WrongUsage(f"--for means nothing for {do}", hint="only open and close last")
    return BreakerDeed(do), duration_of(for_) if for_ else None

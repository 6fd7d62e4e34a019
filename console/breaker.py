"""`selfheal breaker`: the circuit breakers, and a person's override of one."""

from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from console.failure import FINE, WrongUsage
from console.output import Cell, Section, show
from console.pause import duration_of, operator
from console.place import Output, Place

if TYPE_CHECKING:
    from selfheal.bootstrap import Estate
    from selfheal.model.breaker import Breaker

COLUMNS = ("breaker", "state", "mode", "failure_rate", "results", "open_until", "who", "why")


def breaker(  # noqa: PLR0913 - each is an option of the command
    do: Annotated[
        Literal["list", "open", "close", "automatic", "reset"],
        Parameter(help="list, force it, or end that."),
    ] = "list",
    action: Annotated[str, Parameter(help="Of which action, like restart-service.")] = "",
    /,
    *,
    why: Annotated[str, Parameter(help="Why; it is recorded, and told to whom it refuses.")] = "",
    for_: Annotated[
        str, Parameter(name="--for", help="open, close: how long, like 2 h; else until somebody ends it.")
    ] = "",
    place: Place = Place(),  # noqa: B008 - frozen: cyclopts fills a copy
    output: Output = "table",
) -> int:
    """List the breakers, or decide in place of one."""
    from selfheal.bootstrap import wire  # noqa: PLC0415  keeps `--help` fast

    estate = wire(place.settings(), database_url=place.database_url())
    try:
        if do != "list":
            _decide(estate, do, action, why.strip(), for_)
        breakers = estate.breakers.all()
    finally:
        estate.close()
    show([Section(name="breakers", columns=COLUMNS, rows=[row(one) for one in breakers])], output=output)
    return FINE


def row(one: "Breaker") -> dict[str, Cell]:
    """One line of the table."""
    override = one.override
    return {
        "breaker": one.name,
        "state": one.state.value,
        "mode": one.mode.value,
        "failure_rate": round(one.failure_rate, 2),
        "results": "".join("+" if good else "-" for good in one.results) or None,
        "open_until": one.open_until or (override.until if override else None),
        "who": override.who if override else None,
        "why": override.why if override else None,
    }


def _decide(estate: "Estate", do: str, action: str, why: str, for_: str) -> None:
    """Write a person's decision down."""
    from selfheal.model.breaker import Deed  # noqa: PLC0415  keeps `--help` fast

    if not why:
        raise WrongUsage("--why is empty", hint="say why; it is recorded, and told to whom it refuses")
    name = f"heal:{estate.healer.actions.get(action).name}"
    lasts = duration_of(for_) if for_ else None
    estate.breakers.decide(name, Deed(do), who=operator(), why=why, lasts=lasts)

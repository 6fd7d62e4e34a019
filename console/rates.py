"""`selfheal rates`: what came of the heals, by action and component."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from console.failure import FINE
from console.output import Cell, Section, show
from console.pause import duration_of
from console.place import Output, Place

if TYPE_CHECKING:
    from selfheal.model.rate import Estimate, Rates

By = Literal["action", "component", "both"]
FIGURES = ("attempts", "healed", "success", "mttr", "recurrence", "prevented", "saved")
MINUTE_S, HOUR_S = 60, 3600


def rates(
    *,
    by: Annotated[By, Parameter(help="One line for each action, component, or both.")] = "action",
    for_: Annotated[
        str, Parameter(name="--for", help='What ended within this time, like "24 h"; "ever": all of it.')
    ] = "30 d",
    place: Place = Place(),  # noqa: B008 - frozen: cyclopts fills a copy
    output: Output = "table",
) -> int:
    """Tell success rate, time to recovery, recurrence and cost saved."""
    within = None if for_ == "ever" else duration_of(for_)
    from console.database import database_of  # noqa: PLC0415  keeps `--help` fast

    with database_of(place) as database:
        found = database.rates.rates(within=within)
    keys = ("action_type", "component") if by == "both" else ("action_type",) if by == "action" else ("component",)
    wanted = [one for one in found if _is_of(one, keys)]
    total = [one for one in found if one.action_type is None and one.component is None]
    row = _figures if output == "json" else _words
    empty = "no heal was finished at all" if within is None else f"no heal was finished within {for_}"
    sections = [
        Section(name="total", columns=_columns((), output), rows=[row(one) for one in total], when_empty=empty),
        Section(
            name=f"by_{'action_and_component' if by == 'both' else by}",
            columns=_columns(keys, output),
            rows=[{key: getattr(one, key) for key in keys} | row(one) for one in wanted],
            when_empty=empty,
        ),
    ]
    facts: dict[str, Cell] = {"within": for_, "finished_heals": total[0].attempts if total else 0}
    if not total:
        facts["note"] = empty
    show(sections, output=output, facts=facts)
    return FINE


def _is_of(one: "Rates", keys: Sequence[str]) -> bool:
    """Whether the line is about these and nothing more."""
    return all((getattr(one, key) is not None) == (key in keys) for key in ("action_type", "component"))


def _columns(keys: Sequence[str], output: Output) -> tuple[str, ...]:
    if output != "json":
        return (*keys, *FIGURES)
    estimates = (
        f"{name}{end}" for name in ("success", "mttr_s", "recurrence", "saved") for end in ("", "_low", "_high")
    )
    return (*keys, "attempts", "healed", "recurred", "prevented", *estimates)


def _figures(one: "Rates") -> dict[str, Cell]:
    """For a program: every figure with its ends."""
    row: dict[str, Cell] = {
        "attempts": one.attempts,
        "healed": one.healed,
        "recurred": one.recurred,
        "prevented": one.prevented,
    }
    for name in ("success", "mttr_s", "recurrence", "saved"):
        estimate: Estimate = getattr(one, name)
        row |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
    return row


def _words(one: "Rates") -> dict[str, Cell]:
    """For a person: each with its 95 % interval behind it."""
    return {
        "attempts": one.attempts,
        "healed": one.healed,
        "success": _told(one.success, lambda rate: f"{rate:.0%}"),
        "mttr": _told(one.mttr_s, _time),
        "recurrence": _told(one.recurrence, lambda rate: f"{rate:.0%}"),
        "prevented": one.prevented,
        "saved": _told(one.saved, lambda dollars: f"${dollars:,.0f}".replace("$-", "-$")),
    }


def _told(estimate: "Estimate", words: Callable[[float], str]) -> str | None:
    if estimate.value is None:
        return None
    if estimate.low is None or estimate.high is None:
        return words(estimate.value)
    return f"{words(estimate.value)} ({words(estimate.low)} to {words(estimate.high)})"


def _time(seconds: float) -> str:
    """Seconds in a fitting unit."""
    if seconds < 2 * MINUTE_S:
        return f"{seconds:.1f} s"
    return f"{seconds / MINUTE_S:.1f} min" if seconds < 2 * HOUR_S else f"{seconds / HOUR_S:.1f} h"

"""`selfheal predictions`: what is foretold, one with a small chart, and the track record."""

from typing import TYPE_CHECKING, Annotated, Literal
from uuid import UUID

from cyclopts import Parameter
from cyclopts.validators import Number

from console.failure import FINE, WrongUsage
from console.output import Section, show
from console.place import Output, Place

if TYPE_CHECKING:
    from selfheal.model.prediction_report import PredictionFilter

Rule = Literal["BREACH_FORETOLD", "MEMORY_PRESSURE", "RESPONSE_RISING", "ERRORS_SUSTAINED", "STUCK_SOON"]
Kind = Literal["HIT", "EARLY", "MISS", "PREVENTED", "UNKNOWN"]


def predictions(  # noqa: PLR0913 - each is an option of the command
    do: Annotated[
        Literal["list", "show", "record"],
        Parameter(help="list them, show one with a chart and what was done for it, or tell the track record."),
    ] = "list",
    prediction: Annotated[str, Parameter(help="show: the prediction's id.")] = "",
    /,
    *,
    component: Annotated[str, Parameter(help="list: of this component, or host:NAME.")] = "",
    rule: Annotated[Rule | None, Parameter(help="list: of this rule.")] = None,
    outcome: Annotated[Kind | None, Parameter(help="list: of which this became.")] = None,
    open_: Annotated[
        bool, Parameter(name="--open", negative=(), help="list: only those of which nobody knows yet what becomes.")
    ] = False,
    limit: Annotated[int, Parameter(validator=Number(gte=1, lte=10_000), help="list: how many of the newest.")] = 50,
    days: Annotated[int, Parameter(validator=Number(gte=1, lte=400), help="record: of so many days.")] = 30,
    place: Place = Place(),  # noqa: B008 - frozen: cyclopts fills a copy
    output: Output = "table",
) -> int:
    """List predictions, show one, or tell the track record."""
    if (do == "show") != bool(prediction):
        wrong = "show names no prediction" if do == "show" else f"{do} takes no {prediction[:50]!r}"
        raise WrongUsage(wrong, hint="like `selfheal predictions show 01a20624-2a5f-79b9-8eac-0a7d3b1aab00`")
    if do != "list" and (component or rule or outcome or open_):
        raise WrongUsage(f"{do} takes no --component, --rule, --outcome or --open", hint="only list does")
    if do == "show":
        return _show(place, output, _id(prediction))
    if do == "record":
        return _record(place, output, days=days)
    from selfheal.model.prediction import Outcome  # noqa: PLC0415  keeps `--help` fast
    from selfheal.model.prediction_report import PredictionFilter  # noqa: PLC0415
    from selfheal.model.trigger import TriggerType  # noqa: PLC0415

    only = PredictionFilter(
        component=component,
        rule=None if rule is None else TriggerType(rule),
        outcome=None if outcome is None else Outcome(outcome),
        open=True if open_ else None,
    )
    return _list(place, output, only, limit=limit)


def _list(place: Place, output: Output, only: "PredictionFilter", *, limit: int) -> int:
    """What stands, the most urgent first, then all that is asked for, the newest first."""
    from console import prediction_view as view  # noqa: PLC0415  keeps `--help` fast
    from console.database import database_of  # noqa: PLC0415
    from selfheal.model.page import Slice  # noqa: PLC0415
    from selfheal.model.prediction_report import PredictionFilter  # noqa: PLC0415
    from selfheal.policy.prediction_words import EMPTY  # noqa: PLC0415

    with database_of(place) as database:
        standing = database.predictions.standing(limit=limit)
        found = database.predictions.page(Slice(limit=limit), only).items
        untold = database.predictions.untold()
    empty = EMPTY if only == PredictionFilter() else "no prediction is like that"
    sections = [
        view.section("standing", standing, output, when_empty="nothing is foretold now"),
        view.section("predictions", found, output, when_empty=empty),
        view.untold(untold),
    ]
    show(sections, output=output, facts={"note": empty} if not found else {})
    return FINE


def _show(place: Place, output: Output, prediction: UUID) -> int:
    from console import prediction_view as view  # noqa: PLC0415  keeps `--help` fast
    from console.database import database_of  # noqa: PLC0415

    with database_of(place) as database:
        story = database.predictions.story(prediction)
    if story is None:
        raise WrongUsage(f"there is no prediction {prediction}", hint="`selfheal predictions` lists them")
    view.one(story, output)
    return FINE


def _record(place: Place, output: Output, *, days: int) -> int:
    from datetime import timedelta  # noqa: PLC0415  keeps `--help` fast

    from console import prediction_view as view  # noqa: PLC0415
    from console.database import database_of  # noqa: PLC0415

    with database_of(place) as database:
        found = database.predictions.record(within=timedelta(days=days))
        foreseen = database.predictions.foreseen(within=timedelta(days=days))
    rows = [view.record_row(one, output) for one in found if one.rule is not None or one.predictions]
    columns = view.RECORD_JSON if output == "json" else view.RECORD
    empty = f"nothing was foretold in {days} days"
    section = Section(name="record", columns=columns, rows=rows, when_empty=empty)
    facts = {"days": days, **view.recall_facts(foreseen, output)}
    show([section], output=output, facts=facts if rows else {**facts, "note": empty})
    return FINE


def _id(words: str) -> UUID:
    try:
        return UUID(words)
    except ValueError:
        raise WrongUsage(f"{words[:50]!r} is no id of a prediction", hint="`selfheal predictions` lists them") from None

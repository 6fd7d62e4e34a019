"""`selfheal replay`: what other settings would have done with the past. It reads only."""

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from console.failure import FINE, WrongUsage
from console.output import Cell, Section, show
from console.place import Output, Place

if TYPE_CHECKING:
    from selfheal.model.replay import Counted, Coverage, Example, Foreseen, Replayed

FIGURES = (
    "rule",
    "variant",
    "triggers",
    "found",
    "earlier",
    "later",
    "moved_s",
    "besides",
    "missed",
)
HEALS = ("rule", "variant", "heals", "really", "failed", "harmed", "for_nothing", "lost", "saved")
FORESEEN = (
    "variant",
    "predictions",
    "hits",
    "late",
    "early",
    "misses",
    "prevented",
    "unknown",
    "unsettled",
)
AHEAD = ("variant", "breaches", "foretold", "heals", "in_vain", "capped", "caps")
EXAMPLES = ("since", "component", "rule", "what", "as_set_at", "would_be_at", "ended_at", "end", "why")
BRIEF = ("since", "component", "rule", "what", "as_set_at", "would_be_at", "why")
"""What a person's screen has room for; how it ended stands with the reason."""
KNOWN = ("component", "first", "last", "gaps", "gaps_s", "plain")
CHANGES = ("setting", "as_set", "as_it_would_be")


def replay(  # noqa: PLR0913 - each is an option of the command
    *,
    since: Annotated[
        str, Parameter(help='So long ago it begins, like "30 d"; or a time, like 2026-11-01, of UTC.')
    ] = "30 d",
    until: Annotated[str, Parameter(help="The same for its end; without it, now.")] = "",
    set_: Annotated[
        tuple[str, ...],
        Parameter(
            name="--set", negative=(), help="A setting as it would be, like watching.strikes=2; may be repeated."
        ),
    ] = (),
    component: Annotated[str, Parameter(help="Only of this component.")] = "",
    rule: Annotated[
        tuple[str, ...], Parameter(negative=(), help="Only this rule: down, log, foretold; may be repeated.")
    ] = (),
    place: Place = Place(),  # noqa: B008 - frozen: cyclopts fills a copy
    output: Output = "table",
) -> int:
    """Tell what other settings would have done with the past."""
    now = datetime.now(UTC)
    from console.estate import estate_of  # noqa: PLC0415  keeps `--help` fast
    from selfheal.model.errors import Permanent  # noqa: PLC0415  the same
    from selfheal.replay.asking import moment_of, question_of  # noqa: PLC0415  the same

    settings = place.settings()
    try:
        begins, ends = moment_of(since, now), moment_of(until, now) if until else now
        question = question_of(settings, since=begins, until=ends, changes=set_, component=component, rules=rule)
    except Permanent as error:
        raise WrongUsage(error.message, hint=error.hint) from error
    with estate_of(place) as estate:
        found = estate.replay(question, _progress)
    show(_sections(found, output), output=output, facts=_facts(found))
    return FINE


def _progress(component: str) -> None:
    """Which component is read now, for a person who waits."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\rreading {component:<60}\r" if component else f"\r{'':<70}\r")


def _facts(found: "Replayed") -> dict[str, Cell]:
    return {
        "read_only": "nothing was healed, and nothing was written",
        "since": found.since,
        "until": found.until,
        "differences": found.differences,
        **{f"note_{number}": note for number, note in enumerate(found.notes, start=1)},
    }


def _sections(found: "Replayed", output: Output) -> list[Section]:
    changes: list[dict[str, Cell]] = [
        {"setting": path, "as_set": was, "as_it_would_be": would} for path, was, would in found.changes
    ]
    figures = [_figures(one) if output == "json" else _words(one) for one in found.counted]
    known = [_known(one) for one in found.coverage]
    heals = (*HEALS, "guessed") if output == "json" else HEALS
    foreseen = [_foreseen(one) for one in found.foreseen]
    nothing = "nothing was changed: this is how it is set" if not found.changes else "none"
    return [
        Section(name="changes", columns=CHANGES, rows=changes, when_empty=nothing),
        Section(name="rules", columns=FIGURES, rows=figures),
        Section(name="heals", columns=heals, rows=figures),
        Section(name="predictions", columns=FORESEEN, rows=foreseen, when_empty="not replayed"),
        Section(name="ahead_of_time", columns=AHEAD, rows=foreseen, when_empty="not replayed"),
        _examples(found, output),
        Section(name="known", columns=KNOWN, rows=known, when_empty="nobody looked at anything in that time"),
    ]


def _figures(one: "Counted") -> dict[str, Cell]:
    """For a program."""
    return {name: getattr(one, name) for name in (*FIGURES, *HEALS, "guessed")} | {"rule": one.rule.value}


def _words(one: "Counted") -> dict[str, Cell]:
    """For a person."""
    about = "about " if one.guessed else ""
    saved, lost = (f"{about}${each:,.0f}".replace("$-", "-$") for each in (one.saved, one.lost))
    moved = None if one.moved_s is None else f"{one.moved_s:+.1f}"
    return _figures(one) | {"saved": saved, "lost": lost, "moved_s": moved}


def _foreseen(one: "Foreseen") -> dict[str, Cell]:
    return {name: getattr(one, name) for name in (*FORESEEN, *AHEAD)} | {"caps": ", ".join(one.caps)}


def _examples(found: "Replayed", output: Output) -> Section:
    if output == "json":
        return Section(name="examples", columns=EXAMPLES, rows=[_example(one) for one in found.examples])
    rows = [_example(one) | {"why": f"{one.why}; {_ended(one)}"} for one in found.examples]
    return Section(name="examples", columns=BRIEF, rows=rows)


def _ended(one: "Example") -> str:
    if one.ended_at is None:
        return one.end.value
    return f"{one.end.value} at {one.ended_at.astimezone():%Y-%m-%d %H:%M:%S}"


def _example(one: "Example") -> dict[str, Cell]:
    return {name: getattr(one, name) for name in EXAMPLES} | {"rule": one.rule.value, "end": one.end.value}


def _known(one: "Coverage") -> dict[str, Cell]:
    return {name: getattr(one, name) for name in KNOWN}

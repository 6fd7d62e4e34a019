"""`selfheal intake`: what other systems have told us, and what a body of theirs would be read as."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from console.failure import BAD_NEWS, FINE, WrongUsage
from console.output import Cell, Section, rehearsed, show
from console.place import Output, Place

if TYPE_CHECKING:
    from selfheal.model.external_alert import ExternalAlert, KnownAlert

COLUMNS = ("webhook", "component", "state", "deliveries", "last_at", "sent_by", "answer", "reason")
READ_AS = ("component", "priority", "resolved", "key", "refused", "reason")
SHOWN = 50


def intake(
    do: Annotated[
        Literal["list", "test"], Parameter(help="list the latest, or test what a body would be read as.")
    ] = "list",
    name: Annotated[str, Parameter(help="alertmanager, or one of intake.webhooks.")] = "",
    file: Annotated[
        str, Parameter(allow_leading_hyphen=True, help="A file with the body; - is the standard input.")
    ] = "",
    /,
    *,
    place: Place = Place(),  # noqa: B008 - frozen: cyclopts fills a copy
    output: Output = "table",
) -> int:
    """List the alerts that came in, or test a body."""
    if (do == "test") != bool(name) or bool(name) != bool(file):
        raise WrongUsage(f"{do} {'needs NAME and FILE' if do == 'test' else 'takes no name'}", hint="see --help")
    if file.startswith("-") and file != "-":  # else a mistyped option would be taken for a file
        raise WrongUsage(f"Unknown option: {file}.", hint="see `selfheal intake --help`; ./ before the name of a file")
    if do == "list":
        show([_known(place)], output=output)
        return FINE
    found = _read(place, name, file)
    show(
        [Section(name="alerts", columns=READ_AS, rows=[_row(one) for one in found])],
        output=output,
        facts=rehearsed(dry_run=True),
    )
    return BAD_NEWS if any(one.refusal for one in found) else FINE


def _known(place: Place) -> Section:
    from selfheal.store.engine import open_engine  # noqa: PLC0415  keeps `--help` fast
    from selfheal.store.intake import Intake  # noqa: PLC0415  the same

    engine = open_engine(place.database_url(), pool_size=1)
    try:
        rows = [_line(one) for one in Intake(engine, quiet=place.settings().intake.quiet).newest(limit=SHOWN)]
    finally:
        engine.dispose()
    return Section(name="alerts", columns=COLUMNS, rows=rows, when_empty="no alert of another system has come in")


def _line(one: "KnownAlert") -> dict[str, Cell]:
    return {
        "webhook": one.webhook,
        "component": one.component,
        "state": one.state.value,
        "deliveries": one.deliveries,
        "last_at": one.last_at,
        "sent_by": one.sent_by,
        "answer": one.decision,
        "reason": one.reason,
    }


def _read(place: Place, name: str, file: str) -> "list[ExternalAlert]":
    """The alerts of a body, as it would be read now."""
    from selfheal.policy.intake import alerts_in  # noqa: PLC0415  keeps `--help` fast

    try:
        body = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise WrongUsage(f"cannot read {file}: {error.strerror}") from error
    settings = place.settings()
    return list(alerts_in(body, settings.intake.webhook(name), settings.intake.naming(settings.catalogue())))


def _row(one: "ExternalAlert") -> dict[str, Cell]:
    from selfheal.logs import without_secrets  # noqa: PLC0415  keeps `--help` fast

    return {
        "component": one.component,
        "priority": one.priority.value,
        "resolved": one.resolved,
        "key": one.key[:12],
        "refused": one.refusal,
        "reason": without_secrets(one.reason),
    }

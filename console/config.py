"""`selfheal config`: whether the settings are right, what is in force, and what can be set."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from console.failure import FINE, WRONG_USAGE, WrongUsage
from console.output import Cell, Section, show
from console.place import Output, Place

if TYPE_CHECKING:
    from selfheal.settings.advice import Advice

COLUMNS = ("level", "setting", "found", "what_to_do")

config = App(name="config")


@config.command
def check(
    file: Annotated[Path | None, Parameter(help="The settings file; without it the one of --config.")] = None,
    *,
    place: Place = Place(),  # noqa: B008 - frozen: cyclopts fills a copy
    live: Annotated[
        bool, Parameter(negative="", help="Also ask Docker, supervisors and databases for what is named.")
    ] = False,
    output: Output = "table",
) -> int:
    """Check a settings file: what is wrong, then what is right and hardly meant."""
    from console import config_advice  # noqa: PLC0415  keeps `--help` fast
    from selfheal.model.errors import Permanent  # noqa: PLC0415
    from selfheal.settings.file import WrongSettings, load  # noqa: PLC0415

    path = place.edited_file() if file is None else _file(place, file)
    try:
        settings = load(path)
    except WrongSettings as error:
        rows = [_row("wrong", *_parted(problem), "") for problem in error.problems]
        return _told(rows, path, output) or WRONG_USAGE
    except Permanent as error:
        raise WrongUsage(error.message, hint=error.hint) from error
    try:
        found = config_advice.warnings(settings, path, live=live)
    except Permanent as error:  # right one by one, and yet no estate can be made of them
        return _told([_row("wrong", *_parted(error.message), error.hint)], path, output) or WRONG_USAGE
    return _told([_advice_row(one) for one in found], path, output)


@config.command(name="show")
def show_settings(
    file: Annotated[Path | None, Parameter(help="The settings file; without it the one of --config.")] = None,
    *,
    place: Place = Place(),  # noqa: B008 - frozen: cyclopts fills a copy
    output: Output = "table",
) -> int:
    """List what is in force, and whether it comes from the file, from a variable, or is a default."""
    from console import config_values  # noqa: PLC0415  keeps `--help` fast
    from selfheal.model.errors import Permanent  # noqa: PLC0415

    path = _file(place, file)
    try:
        rows = config_values.rows(path)
    except Permanent as error:
        raise WrongUsage(error.message, hint=error.hint) from error
    section = Section(name="settings", columns=("setting", "value", "from"), rows=rows)
    show([section], output=output, facts={"file": str(path) if path else None})
    return FINE


@config.command
def schema() -> int:
    """Print the JSON Schema of the settings file, for editors."""
    from selfheal.settings.schema import schema as schema_of_settings  # noqa: PLC0415  keeps `--help` fast

    sys.stdout.write(json.dumps(schema_of_settings(), indent=2) + "\n")
    return FINE


@config.command
def reference() -> int:
    """Print every setting with its type, its default and what it does, as Markdown."""
    from selfheal.settings.reference import reference as page  # noqa: PLC0415  keeps `--help` fast

    sys.stdout.write(page())
    return FINE


def _file(place: Place, file: Path | None) -> Path | None:
    """The file that is meant; `WrongUsage` if it is not there."""
    if file is None:
        return place.config_file()
    return Place(data=place.data, config=str(file)).config_file()


def _told(rows: list[dict[str, Cell]], path: Path | None, output: Output) -> int:
    section = Section(name="findings", columns=COLUMNS, rows=rows, when_empty="all is well")
    show([section], output=output, facts={"file": str(path) if path else None})
    return FINE


def _parted(problem: str) -> tuple[str, str]:
    setting, _, said = problem.partition(": ")
    return setting, said


def _advice_row(one: "Advice") -> dict[str, Cell]:
    return _row("warning", one.setting, one.said, one.what_to_do)


def _row(level: str, setting: str, found: str, what_to_do: str) -> dict[str, Cell]:
    return {"level": level, "setting": setting, "found": found, "what_to_do": what_to_do}

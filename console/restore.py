"""`selfheal restore`: a data folder out of a backup, paused."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from console.output import Cell, show
from console.place import Output, Place


def restore(
    file: Annotated[Path, Parameter(help="What `selfheal backup` wrote.")],
    /,
    *,
    place: Place = Place(),  # noqa: B008 - frozen: cyclopts fills a copy
    replace: Annotated[bool, Parameter(negative=(), help="Keep what is in the data folder aside.")] = False,
    output: Output = "table",
) -> int:
    """Fill a data folder from a backup."""
    from deployments.restore import restore as fill  # noqa: PLC0415  keeps `--help` fast: alembic and SQLAlchemy

    done = fill(file.expanduser().absolute(), place.folder, replace=replace)
    start = f"selfheal up --data {place.folder}" + (f" --config {done.config}" if done.config else "")
    facts: dict[str, Cell] = {
        "data_folder": str(place.folder),
        "taken_at": f"{done.manifest.taken_at} on {done.manifest.host}",
        "attempts": done.manifest.rows["healing_actions"],
        "under_way_then": f"{done.settled}, recorded as FAILED, UNKNOWN" if done.settled else "none",
        "settings": str(done.config) if done.config else "none: the stack had no settings file",
        "healing": "PAUSED",
        "next_1": f"compare the settings with what runs now, then start: {start}",
        "next_2": "look at `selfheal status`; when all is as it should be: `selfheal resume --why ...`",
    }
    if done.aside:
        facts["kept_aside"] = str(done.aside)
    if done.manifest.overrides:
        facts["set_these_again"] = ", ".join(done.manifest.overrides)
    if done.wrong:
        facts["settings_are_wrong_here"] = done.wrong
    show([], output=output, facts=facts)
    return 0

"""`selfheal backup`: one file from which `selfheal restore` makes the system again."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from console.output import Cell, show
from console.place import Output, Place


def backup(
    file: Annotated[Path, Parameter(help="The file to write; it must not exist.")],
    /,
    *,
    place: Place = Place(),  # noqa: B008 - frozen: cyclopts fills a copy
    output: Output = "table",
) -> int:
    """Back up database and settings."""
    from deployments.backup import take  # noqa: PLC0415  keeps `--help` fast: alembic and SQLAlchemy

    target = file.expanduser().absolute()
    manifest = take(place.folder, target)
    facts: dict[str, Cell] = {
        "backup": str(target),
        "bytes": target.stat().st_size,
        "taken_at": manifest.taken_at,
        "schema": manifest.schema,
        "attempts": manifest.rows["healing_actions"],
        "under_way": manifest.under_way,
        "rows": sum(manifest.rows.values()),
        "secrets": f"THIS FILE HOLDS SECRETS: {', '.join(manifest.secrets)}" if manifest.secrets else "none",
    }
    if manifest.overrides:
        facts["not_in_it"] = f"the environment variables {', '.join(manifest.overrides)}"
    show([], output=output, facts=facts)
    return 0

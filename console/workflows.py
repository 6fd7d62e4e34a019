"""`selfheal workflows`: the estate's own work, as its request file has it."""

from typing import Annotated, Literal

from cyclopts import Parameter

from console.failure import WrongUsage
from console.place import DryRun, Output, Place


def workflows(  # noqa: PLR0913 - each is an option of the command
    do: Annotated[
        Literal["list", "accept"],
        Parameter(help="list what the request file says, or say that it is small on purpose."),
    ] = "list",
    /,
    *,
    file: Annotated[str, Parameter(help="list: any request file on disk; no stack and no settings are needed.")] = "",
    why: Annotated[str, Parameter(help="accept: why; it is recorded.")] = "",
    dry_run: DryRun = False,
    place: Place = Place(),  # noqa: B008 - frozen: cyclopts fills a copy
    output: Output = "table",
) -> int:
    """List what is in the request file, or take it for whole."""
    if do == "accept":
        from console.workflows_accept import accept  # noqa: PLC0415  keeps `--help` fast

        if file:
            raise WrongUsage("accept takes no --file", hint="it is about the request file of the settings")
        return accept(place, output, why=why.strip(), dry_run=dry_run)
    from console.workflows_file import told_of  # noqa: PLC0415  keeps `--help` fast

    return told_of(file or _of_settings(place), output)


def _of_settings(place: Place) -> str:
    named = place.settings().workflows.request_file
    if not named:
        raise WrongUsage("the settings name no request file", hint="set workflows.request_file, or name --file PATH")
    return named

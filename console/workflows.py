"""`selfheal workflows`: the estate's own work, as its request file has it, and as its stores were compared last."""

from typing import Annotated, Literal

from cyclopts import Parameter

from console.failure import WrongUsage
from console.place import DryRun, Output, Place


def workflows(  # noqa: PLR0913 - each is an option of the command
    do: Annotated[
        Literal["list", "show", "disagreements", "accept"],
        Parameter(
            help="list them, show one with its stages, list where their stores disagree, or say that the request file"
            " is small on purpose."
        ),
    ] = "list",
    name: Annotated[str, Parameter(help="show: which one, like REQ-ITEM-001.")] = "",
    /,
    *,
    file: Annotated[str, Parameter(help="list: any request file on disk; no stack and no settings are needed.")] = "",
    why: Annotated[str, Parameter(help="accept: why; it is recorded.")] = "",
    dry_run: DryRun = False,
    place: Place = Place(),  # noqa: B008 - frozen: cyclopts fills a copy
    output: Output = "table",
) -> int:
    """List workflows, show one, tell where the stores disagree, or take the request file for whole."""
    if (do == "show") != bool(name):
        wrong = "show names no workflow" if do == "show" else f"{do} takes no name"
        raise WrongUsage(wrong, hint="like `selfheal workflows show REQ-ITEM-001`")
    if file and do != "list":
        raise WrongUsage(f"{do} takes no --file", hint="like `selfheal workflows --file PATH`")
    if do == "accept":
        from console.workflows_accept import accept  # noqa: PLC0415  keeps `--help` fast

        return accept(place, output, why=why.strip(), dry_run=dry_run)
    if file:
        from console.workflows_file import told_of  # noqa: PLC0415  keeps `--help` fast

        return told_of(file, output)
    from console import workflow_view  # noqa: PLC0415  keeps `--help` fast

    if do == "show":
        return workflow_view.one(place, name, output)
    return workflow_view.listed(place, output) if do == "list" else workflow_view.disagreements(place, output)

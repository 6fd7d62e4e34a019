"""`selfheal workflows`: the estate's own work, how its stores were compared last, and a person's word about it."""

from typing import Annotated, Literal

from cyclopts import Parameter

from console.failure import WrongUsage
from console.place import DryRun, Output, Place

Do = Literal["list", "show", "disagreements", "accept", "plan", "recover", "block", "resume"]
_OF_ONE = frozenset({"show", "recover", "block", "resume"})


def workflows(  # noqa: PLR0913 - each is an option of the command
    do: Annotated[
        Do,
        Parameter(
            help="list them, show one with its stages, list where their stores disagree, say that the request file"
            " is small on purpose; plan what a run would recover; recover, block or resume one."
        ),
    ] = "list",
    name: Annotated[str, Parameter(help="show, recover, block, resume: which one, like REQ-ITEM-001.")] = "",
    /,
    *,
    file: Annotated[str, Parameter(help="list: any request file on disk; no stack and no settings are needed.")] = "",
    why: Annotated[str, Parameter(help="accept, recover, block, resume: why; it is recorded.")] = "",
    dry_run: DryRun = False,
    place: Place = Place(),  # noqa: B008 - frozen: cyclopts fills a copy
    output: Output = "table",
) -> int:
    """List workflows, show one, tell where the stores disagree or what is stuck, or decide about them."""
    if (do in _OF_ONE) != bool(name):
        wrong = f"{do} names no workflow" if do in _OF_ONE else f"{do} takes no name"
        raise WrongUsage(wrong, hint="like `selfheal workflows show REQ-ITEM-001`")
    if file and do != "list":
        raise WrongUsage(f"{do} takes no --file", hint="like `selfheal workflows --file PATH`")
    if do in {"accept", "recover", "block", "resume"}:
        return _decide(do, place, name, why=why.strip(), dry_run=dry_run, output=output)
    if file:
        from console.workflows_file import told_of  # noqa: PLC0415  keeps `--help` fast

        return told_of(file, output)
    return _look(do, place, name, output)


def _decide(do: str, place: Place, name: str, *, why: str, dry_run: bool, output: Output) -> int:  # noqa: PLR0913
    """What changes something."""
    from console import workflow_deeds as deeds  # noqa: PLC0415  keeps `--help` fast
    from console.workflows_accept import accept  # noqa: PLC0415  the same

    if do == "accept":
        return accept(place, output, why=why, dry_run=dry_run)
    decide = {"recover": deeds.recover, "block": deeds.block, "resume": deeds.resume}[do]
    return decide(place, name, why=why, dry_run=dry_run, output=output)


def _look(do: str, place: Place, name: str, output: Output) -> int:
    """What only tells."""
    if do == "plan":
        from console.workflow_deeds import plan  # noqa: PLC0415  keeps `--help` fast

        return plan(place, output)
    from console import workflow_view  # noqa: PLC0415  keeps `--help` fast

    if do == "show":
        return workflow_view.one(place, name, output)
    return workflow_view.listed(place, output) if do == "list" else workflow_view.disagreements(place, output)

"""`selfheal workflows`: the estate's own work, as its request file has it."""

from typing import Annotated, Literal

from cyclopts import Parameter

from console.failure import WrongUsage
from console.place import Output, Place


def workflows(
    do: Annotated[Literal["list"], Parameter(help="list what the request file says.")] = "list",
    /,
    *,
    file: Annotated[str, Parameter(help="list: any request file on disk; no stack and no settings are needed.")] = "",
    place: Place = Place(),  # noqa: B008, ARG001 - frozen: cyclopts fills a copy
    output: Output = "table",
) -> int:
    """List what is in the request file."""
    from console.workflows_file import told_of  # noqa: PLC0415  keeps `--help` fast

    if not file:
        raise WrongUsage(f"{do} needs a file", hint="name a request file with --file PATH")
    return told_of(file, output)

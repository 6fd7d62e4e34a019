"""`selfheal deployments`: brings our deployments to a Prefect server, or takes them from it again."""

from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from console.failure import FINE, WrongUsage
from console.output import Cell, Section, rehearsed, show
from console.place import DryRun, Output, Place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deployments.objects.plan import Step
    from deployments.prefect_api import PrefectApi

_Flag = Parameter(negative=())


def deployments(  # noqa: PLR0913 - each is an option of the command
    do: Annotated[Literal["apply", "remove"], Parameter(help="Bring everything there, or take it away.")],
    /,
    *,
    place: Place = Place(),  # noqa: B008 - frozen: cyclopts fills a copy
    dry_run: DryRun = False,
    adopt: Annotated[
        bool, _Flag, Parameter(help="apply: take over what bears our names but is not known as ours.")
    ] = False,
    history: Annotated[bool, _Flag, Parameter(help="remove: our flows and all their runs too.")] = False,
    force: Annotated[
        bool, _Flag, Parameter(help="remove: although a worker is online; its runs are cancelled.")
    ] = False,
    output: Output = "table",
) -> int:
    """Apply or remove."""
    if (do == "apply" and (history or force)) or (do == "remove" and adopt):
        raise WrongUsage(f"that option does not go with {do}", hint="see `selfheal deployments --help`")
    settings = place.settings()
    from deployments.outside.prefect import check  # noqa: PLC0415  keeps `--help` fast

    with place.prefect(timeout_s=30.0) as api:
        check(api)
        if do == "apply":
            from deployments.apply import apply_settings  # noqa: PLC0415  keeps `--help` fast

            steps = apply_settings(api, settings, adopt=adopt, dry_run=dry_run)
        else:
            from deployments.remove import remove  # noqa: PLC0415  keeps `--help` fast

            steps = remove(api, estate=settings.estate, history=history, force=force, dry_run=dry_run)
        _tell(api, steps, output, dry_run=dry_run)
    return FINE


def _tell(api: "PrefectApi", steps: "Sequence[Step]", output: Output, *, dry_run: bool) -> None:
    rows = [
        {"kind": str(one.kind), "name": one.name, "change": one.change.value, "detail": one.detail} for one in steps
    ]
    facts: dict[str, Cell] = rehearsed(dry_run) | {"prefect_server": api.url}
    section = Section(
        name="objects",
        columns=("kind", "name", "change", "detail"),
        rows=rows,
        when_empty="nothing of ours is on this server",
    )
    show([section], output=output, facts=facts)

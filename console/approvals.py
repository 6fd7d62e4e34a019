"""`selfheal approvals`: what waits for a person's word, all that is known of one, and the word itself."""

import json
from typing import TYPE_CHECKING, Annotated, Literal
from uuid import UUID

from cyclopts import Parameter
from cyclopts.validators import Number

from console.failure import FINE, WrongUsage
from console.output import Cell, Section, show
from console.person import TokenFile
from console.place import DryRun, Output, Place

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from selfheal.model.approval import Approval, ApprovalDetail

COLUMNS = (
    "approval", "state", "action", "component", "asked_by", "asked_at", "expires_at", "decided_by", "why", "detail",
)  # fmt: skip
WAIT_S = 120.0


_Do = Annotated[Literal["list", "show", "approve", "deny"], Parameter(help="list them, show all of one, or answer it.")]
_Fingerprint = Annotated[
    str, Parameter(help="approve, deny: what you saw that you answer, from show; another one is refused.")
]
_Timeout = Annotated[float, Parameter(validator=Number(gt=0, lte=3600), help="approve: seconds to wait at most.")]


def approvals(  # noqa: PLR0913 - each is an option of the command
    do: _Do = "list",
    approval: Annotated[str, Parameter(help="Which one: its id.")] = "",
    /,
    *,
    why: Annotated[str, Parameter(help="approve, deny: why; who asked reads it, and it is kept.")] = "",
    fingerprint: _Fingerprint = "",
    token_file: TokenFile = "",
    wait: Annotated[bool, Parameter(help="approve: wait for what its heal comes to.")] = True,
    timeout: _Timeout = WAIT_S,
    ended: Annotated[bool, Parameter(negative=(), help="list: also those that are over.")] = False,
    limit: Annotated[int, Parameter(validator=Number(gte=1, lte=10_000), help="list: how many.")] = 20,
    dry_run: DryRun = False,
    place: Place = Place(),  # noqa: B008 - frozen: cyclopts fills a copy
    output: Output = "table",
) -> int:
    """List, show or answer."""
    if (do == "list") == bool(approval):
        raise WrongUsage(
            "list takes no id" if approval else f"{do} names no approval", hint="`selfheal approvals` lists their ids"
        )
    if do == "list":
        return _list(place, output, ended=ended, limit=limit)
    wanted = _id(approval)
    if do == "show":
        return _show(place, output, wanted)
    if not why.strip():
        raise WrongUsage("--why is empty", hint="say why; who asked reads it, and it is kept")
    from console.answer import answer  # noqa: PLC0415  keeps `--help` fast

    return answer(
        place,
        wanted,
        approve=do == "approve",
        token_file=token_file,
        why=why.strip(),
        fingerprint=fingerprint,
        dry_run=dry_run,
        wait_s=timeout if wait else 0.0,
        output=output,
    )


def _list(place: Place, output: Output, *, ended: bool, limit: int) -> int:
    from console.database import database_of  # noqa: PLC0415  keeps `--help` fast

    with database_of(place) as database:
        asked = database.approvals.newest(limit=limit, ended=ended)
    show([section(asked)], output=output)
    return FINE


def section(asked: "Sequence[Approval]") -> Section:
    """The questions as a table."""
    rows: list[dict[str, Cell]] = [
        {
            "approval": str(one.id),
            "state": one.state.value,
            "action": one.action,
            "component": one.component,
            "asked_by": one.asked_by,
            "asked_at": one.asked_at,
            "expires_at": one.use_by or one.expires_at,
            "decided_by": one.decided_by,
            "why": one.why,
            "detail": f"{'; '.join(one.preview) or 'no steps are known'}. It touches {one.blast_radius}",
        }
        for one in asked
    ]
    return Section(name="approvals", columns=COLUMNS, rows=rows, when_empty="nothing waits for a person's word")


def _show(place: Place, output: Output, approval: UUID) -> int:
    from console.answer import facts  # noqa: PLC0415  keeps `--help` fast
    from console.database import database_of  # noqa: PLC0415
    from selfheal.policy.asking import is_unproven  # noqa: PLC0415

    with database_of(place) as database:
        one = database.approvals.one(approval)
    asked: dict[str, Cell] = {
        "asked_by": one.asked_by,
        "asked_at": one.asked_at,
        "expires_at": one.expires_at,
        "why": one.why,
        "target": one.target,
        "touches": one.blast_radius,
        "trigger": f"{one.trigger_type} {one.priority}",
        "sick_since": one.detected_at,
        "fingerprint": one.fingerprint,
    }
    if is_unproven(one.asked_by):
        asked["proof"] = (
            "none: the name came with a Prefect run, which anybody may start; make sure that it is not who approves"
        )
    show(_sections(one), output=output, facts=facts(one) | asked)
    return FINE


def _sections(one: "ApprovalDetail") -> list[Section]:
    """What it would do, with what, on what grounds, and what was tried before."""
    steps: list[dict[str, Cell]] = [{"step": place, "what": step} for place, step in enumerate(one.preview, 1)]
    tried: list[dict[str, Cell]] = [
        {"at": try_.created_at, "action": try_.action, "status": try_.status, "message": try_.message}
        for try_ in one.attempts
    ]
    return [
        Section(name="preview", columns=("step", "what"), rows=steps, when_empty="no steps are known"),
        _pairs("parameters", one.parameters),
        _pairs("evidence", one.evidence),
        Section(name="attempts", columns=("at", "action", "status", "message"), rows=tried, when_empty="none before"),
    ]


def _pairs(name: str, values: "Mapping[str, object]") -> Section:
    rows: list[dict[str, Cell]] = [{"name": key, "detail": _told(value)} for key, value in values.items()]
    return Section(name=name, columns=("name", "detail"), rows=rows)


def _told(value: object) -> str:
    """As it is where it is text, else as JSON, which programs read too."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _id(words: str) -> UUID:
    try:
        return UUID(words)
    except ValueError:
        raise WrongUsage(f"{words[:50]!r} is no id of an approval", hint="`selfheal approvals` lists them") from None

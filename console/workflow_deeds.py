"""`selfheal workflows plan, recover, block, resume`: what is wrong with workflows, a person's word about one."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from console.failure import FINE, WrongUsage
from console.output import Cell, Section, rehearsed, show
from console.pause import operator
from console.place import Output, Place
from selfheal.model.errors import NotAllowed

if TYPE_CHECKING:
    from selfheal.protocol.recovery import Recovery

COLUMNS = ("workflow", "stands", "would_become", "stage", "why")
ASKED = "asked for on the command line"


def plan(place: Place, output: Output) -> int:
    """How each workflow stands of which there is something to say, and what a turn would change; nothing is changed."""
    from selfheal.model.recovery import Standing  # noqa: PLC0415  keeps `--help` fast
    from selfheal.protocol.recovery_preview import planned  # noqa: PLC0415  the same

    with _recovery(place) as recovery:
        looks = planned(recovery)
        at_most = recovery.at_most
    rows: list[dict[str, Cell]] = [
        {
            "workflow": one.verdict.req_number,
            "stands": one.verdict.standing.value,
            "would_become": None if one.verdict.plan is None else one.verdict.plan.status.value,
            "stage": None if one.verdict.plan is None else one.verdict.plan.stage,
            "why": one.verdict.why,
        }
        for one in looks
    ]
    stuck = sum(one.verdict.standing is Standing.STUCK for one in looks)
    facts: dict[str, Cell] = {**rehearsed(dry_run=True), "stuck": stuck, "changed_in_one_run": at_most}
    if stuck > at_most:
        facts["storm"] = "more are stuck than one run may change: nothing is, before `selfheal storm go --why ...`"
    show([Section(name="workflows", columns=COLUMNS, rows=rows, when_empty="none")], output=output, facts=facts)
    return FINE


def recover(place: Place, workflow: str, *, why: str, dry_run: bool, output: Output) -> int:
    """Put one back on track now, as a heal: admission, attempts and history as for any other."""
    from console.heal import heal  # noqa: PLC0415  keeps `--help` fast

    _named(workflow)
    with _recovery(place) as recovery:
        plan = recovery.looks.one(workflow).verdict.plan
    action = "block-workflow" if plan is not None and plan.blocks else "retry-workflow"
    return heal(workflow, place=place, action=action, why=why or ASKED, dry_run=dry_run, output=output)


def block(place: Place, workflow: str, *, why: str, dry_run: bool, output: Output) -> int:
    """Let nobody work on it until a person resumes it."""
    return _say(place, "block", workflow, why=why, dry_run=dry_run, output=output)


def resume(place: Place, workflow: str, *, why: str, dry_run: bool, output: Output) -> int:
    """Let it go on at the first stage that is not done; its recoveries count anew."""
    return _say(place, "resume", workflow, why=why, dry_run=dry_run, output=output)


def _say(place: Place, do: str, workflow: str, *, why: str, dry_run: bool, output: Output) -> int:  # noqa: PLR0913
    """Carry out a person's word."""
    _named(workflow)
    if not why.strip():
        raise WrongUsage("--why is empty", hint=f"say why you {do} it; everybody who looks at it reads it")
    from console.deed import noted  # noqa: PLC0415  keeps `--help` fast
    from selfheal.policy.identity import Deed  # noqa: PLC0415  the same
    from selfheal.protocol.workflow_word import keep, to_block, to_resume  # noqa: PLC0415  the same

    what, decide = (Deed.BLOCK_WORKFLOW, to_block) if do == "block" else (Deed.RESUME_WORKFLOW, to_resume)
    with _recovery(place) as recovery:
        if dry_run:
            word = decide(recovery, workflow)
        else:
            with noted(place, what, subject=workflow, why=why.strip()) as told:
                word = decide(recovery, workflow)
                keep(recovery, word, who=operator(), why=why.strip())
                told["change"] = word.words
    facts: dict[str, Cell] = rehearsed(dry_run) | {
        "workflow": workflow,
        "before": word.before,
        "after": word.after.value,
        "stage": word.stage,
    }
    show([], output=output, facts=facts)
    return FINE


@contextmanager
def _recovery(place: Place) -> "Iterator[Recovery]":
    """What recovers the workflows of this estate."""
    from console.estate import estate_of  # noqa: PLC0415  keeps `--help` fast

    with estate_of(place) as estate:
        if estate.recovery is None:
            raise NotAllowed("there are no workflows", hint="name the request file in workflows.request_file")
        yield estate.recovery


def _named(workflow: str) -> None:
    from selfheal.policy.catalogue import is_request  # noqa: PLC0415  keeps `--help` fast

    if not workflow:
        raise WrongUsage("which workflow?", hint="give its id, like REQ-ITEM-MASTER-001; see `selfheal workflows plan`")
    if not is_request(workflow):
        raise WrongUsage(f"{workflow[:100]!r} is no id of a request", hint="write it like REQ-ITEM-MASTER-001")

"""`selfheal approvals approve` and `deny`: a person's word, and what becomes of it."""

import sys
import time
from contextlib import nullcontext
from uuid import UUID

from console.failure import BAD_NEWS, FINE
from console.output import Cell, rehearsed, show
from console.person import Desk, desk_of
from console.place import Output, Place
from selfheal.model.approval import ApprovalDetail, ApprovalState, Word
from selfheal.model.identity import Door
from selfheal.store.engine import rehearsing

POLL_S = 0.25
_ENDED = frozenset({"SUCCESS", "FAILED", "ROLLED_BACK"})


def answer(  # noqa: PLR0913 - each is a part of the answer
    place: Place,
    approval: UUID,
    *,
    approve: bool,
    token_file: str,
    why: str,
    fingerprint: str,
    dry_run: bool,
    wait_s: float,
    output: Output,
) -> int:
    """Answer; after an approval wait, at most so long, for what its heal comes to.

    Raises:
        NotAllowed: by name; nothing was changed.
    """
    word = Word.APPROVED if approve else Word.DENIED
    with desk_of(place, token_file) as desk:
        with rehearsing(desk.engine) if dry_run else nullcontext(), desk.recorded(word, str(approval), why):
            seen = fingerprint or desk.approvals.one(approval).fingerprint
            desk.approvals.answer(
                approval,
                approve=approve,
                identity=desk.identity,
                door=Door.CLI,
                why=why,
                fingerprint=seen,
            )
            told = desk.approvals.one(approval)
        if approve and not dry_run and wait_s > 0:
            sys.stderr.write(f"approved by {desk.identity.name}; its heal begins within seconds\n")
            sys.stderr.flush()
            told = _wait(desk, approval, wait_s)
        show([], output=output, facts=rehearsed(dry_run) | facts(told) | {"next": _next(desk, told, word)})
        return BAD_NEWS if wait_s > 0 and not dry_run and approve and not _is_well(told) else FINE


def facts(told: ApprovalDetail) -> dict[str, Cell]:
    """The answer and what became of it."""
    return {
        "approval": str(told.id),
        "state": told.state.value,
        "action": told.action,
        "component": told.component,
        "decision": None if told.decision is None else told.decision.value,
        "decided_by": told.decided_by,
        "decided_at": told.decided_at,
        "decision_why": told.decision_why,
        "use_by": told.use_by,
        "attempt": None if told.attempt_id is None else str(told.attempt_id),
        "outcome": None if told.attempt is None else told.attempt.status,
        "message": None if told.attempt is None else told.attempt.message,
    }


def _wait(desk: Desk, approval: UUID, wait_s: float) -> ApprovalDetail:
    """Look until its heal has ended, or it can have none any more."""
    end = time.monotonic() + wait_s
    told = desk.approvals.one(approval)
    while not _is_over(told) and time.monotonic() < end:
        time.sleep(POLL_S)
        told = desk.approvals.one(approval)
    return told


def _is_over(told: ApprovalDetail) -> bool:
    if told.state is ApprovalState.USED:
        return told.attempt is not None and told.attempt.status in _ENDED
    return told.state is not ApprovalState.APPROVED


def _is_well(told: ApprovalDetail) -> bool:
    return told.state is ApprovalState.OVERTAKEN or (told.attempt is not None and told.attempt.status == "SUCCESS")


def _next(desk: Desk, told: ApprovalDetail, word: Word) -> str | None:
    """What a person does now."""
    if word is Word.DENIED:
        return f"{told.component} stays a person's; a watcher asks again only after it was healthy"
    if told.state is ApprovalState.CHANGED:
        return "the plan has changed and was asked anew: `selfheal approvals`"
    if told.state is ApprovalState.USED and told.attempt is not None and told.attempt.status != "SUCCESS":
        return f"`selfheal history --component {told.component}`"
    if told.state is not ApprovalState.APPROVED:
        return None
    held = [one for one in desk.reports.refusals(limit=50) if one.component == told.component]
    since = [one for one in held if told.decided_at is None or one.last_at >= told.decided_at]
    why = f"{since[0].decision}: {since[0].reason}" if since else "no watcher has taken it yet; see `selfheal status`"
    return f"it has not begun ({why}), and is tried until {told.use_by:%H:%M:%S} UTC"

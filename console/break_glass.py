"""`selfheal heal --break-glass`: an admin's own word where nobody else can answer. Used by `console.heal`."""

from dataclasses import replace
from typing import TYPE_CHECKING

from console.person import desk_of
from console.place import Place
from selfheal.model.admission import Decision
from selfheal.model.approval import Approval, ApprovalState, Word
from selfheal.model.errors import Permanent
from selfheal.model.identity import Door
from selfheal.policy.identity import Deed, check
from selfheal.protocol.heal import heal
from selfheal.protocol.plain import plain_steps

if TYPE_CHECKING:
    from console.person import Desk
    from selfheal.bootstrap import Estate
    from selfheal.model.trigger import Trigger
    from selfheal.protocol.heal import Result


def break_glass(place: Place, estate: "Estate", trigger: "Trigger", *, token_file: str) -> "Result":
    """Ask as ever; where that needs a second person's word, give one's own, and go on in this process.

    Where no word is needed no glass is broken; and it passes nothing else that refuses.

    Raises:
        NotAllowed: they are no admin, or the question cannot be answered any more.
    """
    steps = plain_steps(estate.healer)
    with desk_of(place, token_file) as desk:
        check(desk.identity, Deed.BREAK_GLASS)
        result = heal(steps, replace(trigger, who=desk.identity.name))
        if result.answer.decision is not Decision.AWAITING_APPROVAL:
            return result
        asked = _asked(desk, trigger)
        with desk.recorded(Word.BREAK_GLASS, str(asked.id), trigger.reason):
            desk.approvals.break_glass(
                asked.id,
                identity=desk.identity,
                door=Door.CLI,
                why=trigger.reason,
                fingerprint=asked.fingerprint,
            )
    return heal(steps, estate.raised.of(asked.id))  # a watcher that is faster has the same trigger: it is one heal


def _asked(desk: "Desk", trigger: "Trigger") -> Approval:
    """The question that this trigger waits for."""
    found = [
        one
        for one in desk.approvals.newest(limit=10_000, ended=False)
        if one.component == trigger.component and trigger.action in {"", one.action} and one.state is ApprovalState.OPEN
    ]
    if len(found) != 1:
        waiting = ", ".join(one.action for one in found) or "none"
        raise Permanent(
            f"{len(found)} questions about {trigger.component} are open: {waiting}",
            hint="name one with --action; `selfheal approvals` lists them",
        )
    return found[0]

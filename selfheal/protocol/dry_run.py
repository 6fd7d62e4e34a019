"""What a heal would do, to what, and which limit would refuse it; nothing is changed and nothing is recorded."""

from dataclasses import dataclass

from selfheal.model.admission import Answer, Refusal
from selfheal.model.trigger import Trigger
from selfheal.protocol import steps
from selfheal.protocol.healer import Healer


@dataclass(frozen=True, kw_only=True)
class Preview:
    """A dry run's answer.

    Attributes:
        component: what would be healed.
        decision: ADMITTED, or the refusal that it would meet.
        reason: why.
        seen: what the component looks like now; empty if it must not even be looked at.
        action: the action's name; empty where none fits.
        steps: what the action would do.
    """

    component: str
    decision: str
    reason: str
    seen: str
    action: str
    steps: tuple[str, ...]

    def text(self) -> str:
        """All of it in a few lines for a person."""
        seen, does = self.seen or "not looked at", "; ".join(self.steps) or "nothing"
        return f"{self.decision}: {self.reason}. Seen: {seen}. {self.action or 'No action'}: {does}"


def preview(healer: Healer, trigger: Trigger) -> Preview:
    """Look, choose and plan as a heal would, and ask admission without a record.

    Raises:
        Transient: the database or the target's supervisor cannot be asked.
    """
    seen = steps.observe(healer, trigger)
    decided = steps.decide(healer, trigger, seen)
    refusal: Refusal | Answer | None = decided.refusal
    plan: tuple[str, ...] = ()
    action = decided.rungs[0].action if decided.rungs else ""
    if action:
        refusal = refusal or healer.store.peek(decided.trigger, place=decided.place, rungs=decided.rungs)
        plan = healer.actions.get(action).prepare(healer.components[trigger.component]).steps
    return Preview(
        component=trigger.component[:100],
        decision="ADMITTED" if refusal is None else refusal.decision.value,
        reason="it would be healed" if refusal is None else refusal.reason,
        seen="" if seen is None else f"{seen.health.value}: {seen.detail}",
        action=action,
        steps=plan,
    )

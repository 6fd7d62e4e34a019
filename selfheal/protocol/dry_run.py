"""What a heal would do, to what, and everything that would refuse it; nothing is changed and nothing is recorded."""

from dataclasses import dataclass

from selfheal.model.admission import Answer, Outlook, Refusal
from selfheal.model.errors import SelfhealError, Transient
from selfheal.model.trigger import Trigger
from selfheal.protocol import steps
from selfheal.protocol.deciding import decide
from selfheal.protocol.healer import Healer


@dataclass(frozen=True, kw_only=True)
class Preview:
    """A dry run's answer.

    Attributes:
        component: what would be healed.
        refusals: everything that would refuse it, the one that would be named first; empty: it would be healed.
        seen: what the component looks like now; empty if it must not even be looked at.
        action: the action's name; empty where none fits.
        steps: what the action would do.
        blast_radius: what else that touches, and what it risks.
    """

    component: str
    refusals: tuple[Refusal | Answer, ...]
    seen: str
    action: str
    steps: tuple[str, ...]
    blast_radius: str

    @property
    def decision(self) -> str:
        """ADMITTED, or the refusal that it would meet."""
        return self.refusals[0].decision.value if self.refusals else "ADMITTED"

    @property
    def reason(self) -> str:
        """Why."""
        return self.refusals[0].reason if self.refusals else "it would be healed"

    def text(self) -> str:
        """All of it in a few lines for a person."""
        seen, does = self.seen or "not looked at", "; ".join(self.steps) or "nothing"
        more = "".join(f" Then {one.decision}: {one.reason}." for one in self.refusals[1:])
        return f"{self.decision}: {self.reason}.{more} Seen: {seen}. {self.action or 'No action'}: {does}"


def preview(healer: Healer, trigger: Trigger, *, untold: type[SelfhealError] = Transient) -> Preview:
    """Look, choose and plan as a heal would, and ask admission for all that stands in the way, without a record.

    Args:
        healer: as a heal has it.
        trigger: what would be answered.
        untold: where the action cannot tell what it would do for a reason of this kind, that stands for its steps.

    Raises:
        Transient: the database cannot be asked.
        NotAllowed, Permanent: the database refuses; or the action itself refuses this target, whatever admission says.
    """
    seen = steps.observe(healer, trigger)
    decided = decide(healer, trigger, seen)
    door: tuple[Refusal, ...] = () if decided.refusal is None else (decided.refusal,)
    outlook, plan, action = Outlook(), None, ""
    if decided.rungs:
        outlook = healer.store.peek(decided.trigger, place=decided.place, rungs=decided.rungs)
        component = healer.components[trigger.component]
        action = outlook.action or decided.rungs[0].action
        plan = steps.propose(healer, action, component, untold=untold)
    return Preview(
        component=trigger.component[:100],
        refusals=(*door, *outlook.refusals),
        seen="" if seen is None else f"{seen.health.value}: {seen.detail}",
        action=action,
        steps=() if plan is None else plan.steps,
        blast_radius="" if plan is None else plan.blast_radius,
    )

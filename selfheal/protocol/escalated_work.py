"""Completes escalated work: heals what it complains of, then puts it back; the steps of `workflow-recovery`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from selfheal.model.errors import SelfhealError
from selfheal.model.observation import Health
from selfheal.model.recovery import Standing
from selfheal.model.trigger import Trigger, TriggerType
from selfheal.policy.recovery_turn import turn
from selfheal.policy.triggers import type_of
from selfheal.protocol.heal import Result
from selfheal.protocol.recovery import Recovery, stuck_trigger, trigger
from selfheal.protocol.workflow_looks import Look, Survey


@dataclass(frozen=True, kw_only=True)
class Cause:
    """What several workflows complain of.

    Attributes:
        trigger: for its heal.
        workflows: that complain of it.
    """

    trigger: Trigger
    workflows: tuple[str, ...]


def causes(recovery: Recovery, survey: Survey) -> Sequence[Cause]:
    """What is to be healed before any of them goes on: each component once, whoever complains of it."""
    by_component: dict[tuple[str, str], list[Look]] = {}
    for look in survey.standing(Standing.ESCALATED):
        if look.rule is not None and look.rule.component and not look.verdict.to_recover:
            by_component.setdefault((look.rule.component, look.rule.action), []).append(look)
    return [_cause(recovery, name, action, looks) for (name, action), looks in by_component.items()]


def _cause(recovery: Recovery, name: str, action: str, looks: Sequence[Look]) -> Cause:
    """A component that looks well all the same is healed for another reason than its health."""
    component = recovery.components[name]
    seen = recovery.observe(component)
    kind = TriggerType.BEHIND_ESCALATION if seen.health is Health.HEALTHY else type_of(component, seen)
    complaints = "; ".join(f"{one.verdict.req_number}: {one.verdict.why}" for one in looks[:5])
    return Cause(
        trigger=trigger(recovery.clock.now(), name, kind, f"escalated work complains of it: {complaints}", action),
        workflows=tuple(one.verdict.req_number for one in looks),
    )


def going_on(recovery: Recovery, survey: Survey, ended: Mapping[str, Result | SelfhealError]) -> Sequence[Trigger]:
    """What puts them back now, looked at again after the heals; never more than one turn may change.

    Raises:
        Transient: they cannot be looked at.
    """
    looks = {one.verdict.req_number: one for one in survey.standing(Standing.ESCALATED)}
    for name, look in looks.items():
        if look.rule is not None and look.rule.component in ended:
            looks[name] = recovery.looks.one(name)
    planned = [one.verdict for one in looks.values() if one.verdict.to_recover]
    chosen = turn(planned, at_most=recovery.at_most, go=True).chosen
    now = recovery.clock.now()
    return [stuck_trigger(looks[name], plan, now=now) for name in chosen if (plan := looks[name].verdict.plan)]


def tell_of_unknown(recovery: Recovery, survey: Survey) -> Sequence[str]:
    """The names of those that no rule fits: they stay ESCALATED, and a person is told once of each escalation."""
    unknown = [one for one in survey.standing(Standing.ESCALATED) if one.rule is None]
    for look in unknown:
        name = look.verdict.req_number
        recovery.book.tell_once(
            severity="WARNING",
            key=f"escalation/{name}/{sha256(look.complaint.encode()).hexdigest()[:16]}",
            message=f"{name} is escalated and stays so: {look.verdict.why}",
            details={"workflow": name},
        )
    return [one.verdict.req_number for one in unknown]

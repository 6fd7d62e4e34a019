"""Puts stuck workflows back on track, in turns: the steps of `recovery-health-check`.

Each recovery is a heal like any other: by dispatch, so that admission, attempts, breakers and history hold.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Protocol

from uuid6 import uuid7

from selfheal.model.component import Component
from selfheal.model.deliverable import Orphans
from selfheal.model.errors import Permanent, SelfhealError
from selfheal.model.observation import Health
from selfheal.model.pipeline import Pipeline
from selfheal.model.recovery import RecoveryPlan, Standing
from selfheal.model.request import RequestStatus
from selfheal.model.storm import Storm
from selfheal.model.trigger import Priority, Source, Trigger, TriggerType
from selfheal.model.workflow_health import WorkflowHealth
from selfheal.policy.recovery_turn import Turn, level, turn
from selfheal.policy.triggers import priority_of, type_of
from selfheal.ports import Clock, Deliverables, HealStore, Observe, RequestFile, WorkflowStore
from selfheal.protocol.heal import Result
from selfheal.protocol.workflow_looks import HealsDone, Look, Survey, WorkflowLooks

_log = logging.getLogger(__name__)
STORM = "workflows"
"""The group of a storm of workflows."""
Dispatch = Callable[[Trigger], Result]
_LONGEST_LIST = 200


class RecoveryBook(HealsDone, Protocol):
    """What recoveries leave behind."""

    def open_faults(self) -> Sequence[str]:
        """The workflows that have an open fault."""
        ...

    def tell_once(self, *, severity: str, key: str, message: str, details: dict[str, Any]) -> bool:
        """Tell a person, unless they were told of this before."""
        ...

    def keep(self, health: WorkflowHealth) -> None:
        """Write down how the workflows are."""
        ...

    def latest(self, *, full: bool = False) -> WorkflowHealth | None:
        """The newest check, or the newest full one."""
        ...


class StormBook(Protocol):
    """Storms that are begun and ended by who finds them."""

    def blow(self, group: str, *, sick: int, message: str, quiet: timedelta) -> Storm:
        """It goes on, or begins, of which a person is told once."""
        ...

    def over(self, group: str) -> None:
        """It has ended."""
        ...


class NotRecovered(Permanent):
    """A turn whose recoveries failed: its run has failed, however well the turn itself went."""


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """What the mechanisms of recovery need.

    Attributes:
        looks: at workflows.
        file: the request file.
        states: `workflow_state`.
        pipeline: that all go through.
        deliverables: for the orphans.
        heals: faults that have ended by themselves are closed there.
        counted: writes down what was found of the orphans, for people.
        book: what is left behind.
        storms: of workflows.
        components: of the estate.
        observe: one look at a component.
        clock: the time.
        at_most: so many are changed in one turn.
        many_orphans: more than that are not healthy.
        full_every: how often a turn is a full one.
        quiet: a storm of which no turn tells any more ends after so long.
        services: the host services, by name.
        on_host: whether we run on their host, and may restart them.
    """

    looks: WorkflowLooks
    file: RequestFile
    states: WorkflowStore
    pipeline: Pipeline
    deliverables: Deliverables
    heals: HealStore
    counted: Callable[[Orphans], object]
    book: RecoveryBook
    storms: StormBook
    components: Mapping[str, Component]
    observe: Observe
    clock: Clock
    at_most: int
    many_orphans: int
    full_every: timedelta
    quiet: timedelta
    services: Sequence[str] = ()
    on_host: bool = True

    def full_is_due(self) -> bool:
        """Whether the last full turn is too long ago, or there was none."""
        last = self.book.latest(full=True)
        return last is None or last.checked_at is None or self.clock.now() - last.checked_at >= self.full_every

    def choose(self, survey: Survey) -> tuple[Turn, str]:
        """What this turn recovers, and what is said of a storm; a person is told of one, once.

        Raises:
            Transient: the database does not answer.
        """
        verdicts = [one.verdict for one in survey.standing(Standing.STUCK) if one.verdict.to_recover]
        first = turn(verdicts, at_most=self.at_most, go=False)
        if not first.storm:
            self.storms.over(STORM)
            return first, ""
        storm = self.storms.blow(STORM, sick=len(verdicts), message=_alarm(verdicts, self.at_most), quiet=self.quiet)
        if not storm.go_by:
            return first, f"{len(verdicts)} are stuck at once, a storm: nothing is changed before `selfheal storm go`"
        said = f"{len(verdicts)} are stuck; {storm.go_by} lets {self.at_most} be recovered in each turn: {storm.go_why}"
        return turn(verdicts, at_most=self.at_most, go=True), said

    def close_recovered(self, survey: Survey) -> None:
        """Close the faults of those that are well again by themselves; one bad row does not stop the others."""
        well = {one.verdict.req_number: one for one in survey.standing(Standing.FINE)}
        for name in self.book.open_faults():
            if name in well and name in self.components:
                self.heals.close_recovered(self.components[name].target, seen_at=well[name].seen_at)

    def tell_persons(self, survey: Survey) -> None:
        """Tell of each that only a person can settle, once for each reason."""
        for one in survey.standing(Standing.PERSON):
            name, why = one.verdict.req_number, one.verdict.why
            self.book.tell_once(
                severity="WARNING",
                key=f"workflow/{name}/{sha256(why.encode()).hexdigest()[:16]}",
                message=f"{name} needs a person: {why}",
                details={"workflow": name},
            )

    def services_down(self) -> Sequence[Trigger]:
        """A trigger for each host service that is down; none where we do not run on their host."""
        down = []
        for name in self.services if self.on_host else ():
            seen, component = self.observe(self.components[name]), self.components[name]
            if seen.health is Health.SICK:
                kind = type_of(component, seen)
                reason = f"it starts and feeds the workflows: {seen.detail}"
                down.append(trigger(self.clock.now(), name, kind, reason, priority=priority_of(component, kind)))
        return down

    def orphans(self, survey: Survey) -> Orphans | None:
        """Deliverables of requests that neither file nor state knows; None: the file is not to be believed.

        Raises:
            Transient: the database does not answer.
        """
        written = {one.id for one in survey.reading.entries}
        if survey.reading.shrunk or not written:
            return None
        found = self.deliverables.orphans(written | {one.req_number for one in self.states.all()})
        self.counted(found)
        return found

    def concluded(  # noqa: PLR0913 - what a turn has come to
        self,
        survey: Survey,
        *,
        full: bool,
        orphans: Orphans | None,
        recovered: Mapping[str, str],
        not_recovered: Mapping[str, str],
        services: Mapping[str, str],
        storm: str,
    ) -> WorkflowHealth:
        """How the workflows are after this turn."""
        blocked = len(survey.saying(RequestStatus.BLOCKED))
        known = self._known_orphans() if orphans is None else _most(orphans)
        count = None if known is None else sum(known.values())
        return WorkflowHealth(
            level=level(blocked=blocked, orphans=count, many_orphans=self.many_orphans),
            full=full,
            entries=len(survey.reading.entries),
            in_progress=len(survey.saying(RequestStatus.IN_PROGRESS)),
            stuck=len(survey.standing(Standing.STUCK)),
            blocked=blocked,
            escalated=len(survey.saying(RequestStatus.ESCALATED)),
            could_not_tell=_whys(survey.standing(Standing.COULD_NOT_TELL)),
            for_a_person=_whys(survey.standing(Standing.PERSON)),
            recovered=recovered,
            not_recovered=not_recovered,
            orphans=known,
            orphans_not_told={} if orphans is None else orphans.could_not_tell,
            services=services,
            storm=storm,
        )

    def _known_orphans(self) -> Mapping[str, int] | None:
        """As the last full turn has counted them."""
        last = self.book.latest(full=True)
        return None if last is None else last.orphans


def _most(orphans: Orphans) -> Mapping[str, int]:
    """Of each unknown request; of very many those of which there are most, and the rest as one."""
    ordered = sorted(orphans.by_request.items(), key=lambda one: (-one[1], one[0]))
    rest = sum(count for _, count in ordered[_LONGEST_LIST:])
    return dict(ordered[:_LONGEST_LIST]) | ({"others": rest} if rest else {})


def stuck_trigger(look: Look, plan: RecoveryPlan, *, now: datetime) -> Trigger:
    """The reason to put this one back on track, by the action that its plan needs."""
    kind = TriggerType.ESCALATED_WORKFLOW if look.verdict.standing is Standing.ESCALATED else TriggerType.STUCK_WORKFLOW
    action = "block-workflow" if plan.blocks else "retry-workflow"
    return trigger(now, look.verdict.req_number, kind, look.verdict.why, action=action)


def asked_trigger(recovery: Recovery, req_number: str, *, who: str, why: str) -> Trigger:
    """A person's word to put this one back, by the action that fits it now.

    Raises:
        Permanent: there is nothing to be done to it.
        Transient: it cannot be looked at.
    """
    look = recovery.looks.one(req_number)
    if look.verdict.plan is None:
        standing = look.verdict.why or "it is not stuck"
        raise Permanent(f"{req_number[:100]} is not recovered: {standing}", hint="see `selfheal workflows plan`")
    return replace(
        stuck_trigger(look, look.verdict.plan, now=recovery.clock.now()),
        type=TriggerType.MANUAL,
        source=Source.PERSON,
        reason=why or "asked for by a person",
        who=who,
    )


def trigger(  # noqa: PLR0913, PLR0917 - the parts of a trigger
    now: datetime,
    component: str,
    kind: TriggerType,
    reason: str,
    action: str = "",
    priority: Priority = Priority.HIGH,
) -> Trigger:
    """A trigger of a mechanism of recovery."""
    return Trigger(
        id=uuid7(),
        type=kind,
        component=component,
        action=action,
        source=Source.RECOVERY,
        priority=priority,
        reason=reason,
        detected_at=now,
    )


def dispatched(dispatch: Dispatch, triggers: Sequence[Trigger]) -> Mapping[str, Result | SelfhealError]:
    """What became of each, by its component; one that cannot be dispatched does not stop the others."""
    ended: dict[str, Result | SelfhealError] = {}
    for one in triggers:
        try:
            ended[one.component] = dispatch(one)
        except SelfhealError as error:
            _log.warning("%s is not recovered: %s", one.component, error)
            ended[one.component] = error
    return ended


def healed(result: Result | SelfhealError) -> bool:
    """Whether it is known to be well now."""
    return isinstance(result, Result) and result.name in {"Healed", "AlreadyHealthy"}


def failed(ended: Mapping[str, Result | SelfhealError]) -> str:
    """Which were tried, or could not be, and did not come true, for a person; empty: none. A refusal is no failure."""
    told = [
        f"{name}: {said(one)}"
        for name, one in ended.items()
        if not healed(one) and (not isinstance(one, Result) or one.outcome is not None)
    ]
    return f"{len(told)} of {len(ended)} failed: {'; '.join(told)}" if told else ""


def said(result: Result | SelfhealError) -> str:
    """The same for a person."""
    return f"{result.name}: {result.message}" if isinstance(result, Result) else str(result)


def _alarm(verdicts: Sequence[Any], at_most: int) -> str:
    names = ", ".join(one.req_number for one in verdicts[:20])
    more = f" and {len(verdicts) - 20} more" if len(verdicts) > 20 else ""  # noqa: PLR2004 - as above
    return (
        f"a storm: {len(verdicts)} workflows are stuck at once, and nothing is changed: {names}{more}; look for what"
        f" they have in common; `selfheal storm go --why ...` lets {at_most} of them be recovered in each turn"
    )


def _whys(looks: Sequence[Look]) -> dict[str, str]:
    return {one.verdict.req_number: one.verdict.why for one in looks[:_LONGEST_LIST]}

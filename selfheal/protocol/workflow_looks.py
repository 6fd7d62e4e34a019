"""One look at a workflow, or at all of them: request file, state, deliverables, and what `policy.stuck` makes of them.

The probe, the actions and the mechanisms look through this, so that a plan and its verification mean the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from selfheal.model.component import Component
from selfheal.model.deliverable import Evidence, Presence
from selfheal.model.escalation import EscalationRule
from selfheal.model.observation import Health, Incarnation
from selfheal.model.pipeline import Pipeline
from selfheal.model.recovery import Early, Pace, RecoveryPlan, Standing, Verdict
from selfheal.model.request import Entry, Reading, RequestStatus
from selfheal.model.workflow import RecoveryType, Workflow, WorkflowStatus
from selfheal.policy.escalation import rule_of
from selfheal.policy.stuck import could_not_tell, early, judge, nearing, overdue_at, unclear, way_back
from selfheal.ports import Clock, Deliverables, Escalations, Observe, RequestFile, WorkflowStore

_LONGEST_WORDS = 200
_CATCHES_UP = timedelta(seconds=1)
"""A message may be this much older than the change of the file that it explains."""


class HealsDone(Protocol):
    """What is remembered of heals."""

    def healed_since(self, target: str, since: datetime) -> bool:
        """Whether a heal of this target that began after then was verified."""
        ...


class Paces(Protocol):
    """How long stages usually take."""

    def of(self, req_number: str, stage: int) -> Pace | None:
        """Of this stage, which this workflow is at; None: we have not started it for this one."""
        ...


@dataclass(frozen=True, kw_only=True)
class Look:
    """One workflow, as it was found.

    Attributes:
        verdict: how it stands.
        entry: its one entry in the request file; None: it has none, or several.
        workflow: its state; None: it has none.
        evidence: what was delivered; without stages where nobody had to ask.
        rule: that fits why it is escalated; None: it is not, or none does.
        complaint: what tells this escalation from an earlier one of the same workflow; empty: it is not escalated.
        early: what may be done before it is stuck; None: nothing, for it is not near, or may only be slow.
        seen_at: aware UTC time.
    """

    verdict: Verdict
    entry: Entry | None
    workflow: Workflow | None
    evidence: Evidence
    rule: EscalationRule | None = None
    complaint: str = ""
    early: Early | None = None
    seen_at: datetime

    @property
    def plan(self) -> RecoveryPlan | None:
        """What puts it back, now or early; None: nothing does."""
        return self.verdict.plan if self.early is None else self.early.plan

    @property
    def life(self) -> Incarnation:
        """Which state of file and row it is: another one after each change of either."""
        status = "GONE" if self.entry is None else self.entry.status
        row = self.workflow
        stands = "" if row is None else f"{row.status}/{row.current_stage}/{row.version}"
        return Incarnation(
            pid=0, started_at=0, state=status, id=self.verdict.req_number, exact_start=f"{status}/{stands}"
        )

    @property
    def health(self) -> Health:
        """As an observation says it: what could not be told is neither well nor sick."""
        if self.verdict.standing is Standing.FINE:
            return Health.HEALTHY
        return Health.SICK if self.verdict.standing in {Standing.STUCK, Standing.ESCALATED} else Health.UNKNOWN


@dataclass(frozen=True, kw_only=True)
class Survey:
    """All of them at once.

    Attributes:
        looks: of each entry whose id stands once, in the file's order, and of each one that stands several times.
        reading: the request file.
    """

    looks: Sequence[Look]
    reading: Reading

    def standing(self, standing: Standing) -> Sequence[Look]:
        """Those that stand so."""
        return [one for one in self.looks if one.verdict.standing is standing]

    def saying(self, status: RequestStatus) -> Sequence[str]:
        """The ids of those of which the file says this."""
        return [one.id for one in self.reading.entries if one.status == status]


class WorkflowLooks:
    """Looks at workflows.

    Args:
        file: the request file.
        states: `workflow_state`.
        deliverables: on JetStream.
        escalations: on JetStream.
        heals: what was healed.
        paces: how long stages usually take.
        share: of a stage's limit, from which on a workflow is near it.
        observe: one look at a component.
        components: those that rules name.
        rules: about escalations.
        pipeline: that all go through.
        recoveries: so often each may be put back by itself.
        clock: the time.
    """

    def __init__(  # noqa: PLR0913 - what is looked at
        self,
        *,
        file: RequestFile,
        states: WorkflowStore,
        deliverables: Deliverables,
        escalations: Escalations,
        heals: HealsDone,
        paces: Paces,
        share: float,
        observe: Observe,
        components: Mapping[str, Component],
        rules: Sequence[EscalationRule],
        pipeline: Pipeline,
        recoveries: int,
        clock: Clock,
    ) -> None:
        self._file = file
        self._states = states
        self._deliverables = deliverables
        self._escalations = escalations
        self._heals = heals
        self._paces = paces
        self._share = share
        self._observe = observe
        self._components = components
        self._rules = rules
        self._pipeline = pipeline
        self._allowed = recoveries
        self._clock = clock

    def one(self, req_number: str) -> Look:
        """One workflow.

        Raises:
            Transient: the file cannot be read, or the database does not answer.
        """
        reading, workflow = self._file.read(), self._states.get(req_number)
        asked = {} if workflow is None else {req_number: workflow.since(self._clock.now())}
        found = self._deliverables.evidence(asked).get(req_number)
        recoveries = self._states.recoveries([req_number])
        look = self._look(req_number, reading.entry(req_number), workflow, found, recoveries)
        return _believed(reading, look)

    def all(self) -> Survey:
        """All of them; the broker is asked once, and only about those that may be stuck or are escalated.

        Raises:
            Transient: the file cannot be read, or the database does not answer.
        """
        reading, rows = self._file.read(), {one.req_number: one for one in self._states.all()}
        names = dict.fromkeys(one.id for one in reading.entries)
        entries = {name: reading.entry(name) for name in names}
        now = self._clock.now()
        asked = {
            name: rows[name].since(now)
            for name in names
            if name in rows and self._worth_asking(entries[name], rows[name])
        }
        found = self._deliverables.evidence(asked) if asked else {}
        recoveries = self._states.recoveries(list(asked)) if asked else {}
        looks = [
            _believed(reading, self._look(name, entries[name], rows.get(name), found.get(name), recoveries))
            for name in names
        ]
        return Survey(looks=looks, reading=reading)

    def _worth_asking(self, entry: Entry | None, workflow: Workflow) -> bool:
        """Whether its deliverables could make a difference."""
        if entry is None or entry.status == RequestStatus.ESCALATED:
            return entry is not None
        running = entry.status == RequestStatus.IN_PROGRESS and workflow.status is WorkflowStatus.RUNNING
        return running and overdue_at(workflow, self._pipeline) < self._clock.now()

    def _look(
        self,
        name: str,
        entry: Entry | None,
        workflow: Workflow | None,
        found: Evidence | None,
        recoveries: Mapping[str, int],
    ) -> Look:
        now = self._clock.now()
        evidence = found or Evidence(req_number=name, stages=(), read_at=now)
        verdict = judge(
            name,
            entry,
            workflow,
            evidence,
            recoveries=recoveries.get(name, 0),
            allowed=self._allowed,
            now=now,
            pipeline=self._pipeline,
        )
        look = Look(verdict=verdict, entry=entry, workflow=workflow, evidence=evidence, seen_at=now)
        if verdict.standing is Standing.FINE:
            return replace(look, early=self._early(look, recoveries.get(name, 0)))
        if verdict.standing is not Standing.ESCALATED or entry is None:
            return look
        return self._escalated(look, entry, recoveries.get(name, 0))

    def _early(self, look: Look, recoveries: int) -> Early | None:
        """What may be done to one that is near its limit; its pace is asked for of no other."""
        near = nearing(look.entry, look.workflow, look.evidence, now=look.seen_at, pipeline=self._pipeline)
        following = self._pipeline.following(look.evidence.done)
        if near is None or following is None or not near.near(self._share):
            return None
        return early(
            self._paces.of(look.verdict.req_number, following.index),
            look.evidence,
            recoveries=recoveries,
            allowed=self._allowed,
            now=look.seen_at,
            pipeline=self._pipeline,
        )

    def _escalated(self, look: Look, entry: Entry, recoveries: int) -> Look:
        """What becomes of an escalated one: it stays so until what it complains of is healed, or it is blocked."""
        row, verdict = look.workflow, look.verdict
        if row is None or row.file_status != RequestStatus.ESCALATED:
            if row is not None and row.status is WorkflowStatus.BLOCKED:
                why = f"the file says ESCALATED, and the state {row.file_status}: what was stopped stays so"
                return _said(look, Standing.PERSON, why)
            return _said(look, Standing.COULD_NOT_TELL, "its state does not know yet that it is escalated")
        text, since, unknown = self._complaint(row, entry)
        if unknown:
            return _said(look, Standing.COULD_NOT_TELL, unknown)
        look = replace(look, complaint=f"{row.updated_at.isoformat()}/{since.isoformat()}")
        rule = rule_of(text, self._rules)
        words = " ".join(text.split())[:_LONGEST_WORDS]
        if rule is None:
            return _said(look, Standing.ESCALATED, f"no rule of workflows.escalated fits: {words}")
        ruled = replace(look, rule=rule)
        if rule.block:
            return replace(ruled, verdict=replace(verdict, why=words, plan=_blocked(row, rule.block)))
        return self._settled(ruled, rule, row, since, words, recoveries)

    def _complaint(self, row: Workflow, entry: Entry) -> tuple[str, datetime, str]:
        """What was said, since when, and why nobody can tell; an older message explains an older escalation."""
        told = self._escalations.newest(row.req_number, since=row.since(self._clock.now()))
        if told.presence is Presence.COULD_NOT_TELL:
            return "", row.updated_at, told.why
        began = row.started_at or row.created_at or row.updated_at
        if told.published_at is not None and told.published_at + _CATCHES_UP >= began:
            return told.text, told.published_at, ""
        return entry.text, row.updated_at, ""

    def _settled(  # noqa: PLR0913, PLR0917 - each is a part of the question
        self, look: Look, rule: EscalationRule, row: Workflow, since: datetime, words: str, recoveries: int
    ) -> Look:
        """With its way back once the component that it complains of is healed."""
        component = self._components[rule.component]
        seen = self._observe(component)
        if seen.health is Health.UNKNOWN:
            return _said(look, Standing.COULD_NOT_TELL, f"nobody can tell how {component.name} is: {seen.detail}")
        healed = seen.health is Health.HEALTHY
        if not healed or (rule.although_healthy and not self._heals.healed_since(component.target, since)):
            return _said(look, Standing.ESCALATED, f"{component.name} is to be healed first: {words}")
        if unknown := could_not_tell(row, look.evidence):
            return _said(look, Standing.COULD_NOT_TELL, unknown)
        if words_unclear := unclear(look.evidence, self._pipeline):
            return _said(look, Standing.PERSON, words_unclear)
        plan = way_back(look.evidence, recoveries=recoveries, allowed=self._allowed, pipeline=self._pipeline)
        return replace(look, verdict=replace(look.verdict, why=f"{component.name} is healed; {plan.why}", plan=plan))


def _believed(reading: Reading, look: Look) -> Look:
    """As it is, unless the file itself is not to be believed."""
    return _said(look, Standing.COULD_NOT_TELL, reading.shrunk) if reading.shrunk else look


def _said(look: Look, standing: Standing, why: str) -> Look:
    return replace(look, verdict=replace(look.verdict, standing=standing, why=why, plan=None), early=None)


def _blocked(row: Workflow, why: str) -> RecoveryPlan:
    return RecoveryPlan(
        type=RecoveryType.MARK_BLOCKED,
        status=RequestStatus.BLOCKED,
        stage=row.current_stage,
        last_completed=None,
        why=why,
    )

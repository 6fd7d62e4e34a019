"""RETRY_WORKFLOW and BLOCK_WORKFLOW: put a workflow back on track, or hand it to a person.

The heal protocol calls them through `actions.table`. Two stores are written, the request file first: by its status line
and only if that is still what was read, then the state by its version. A crash between the two leaves a state that
follows the file, which `workflow-persistence` brings about.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from selfheal.actions.evidence import fitted
from selfheal.model.attempt import Plan
from selfheal.model.component import Component, ProbeKind
from selfheal.model.errors import NotAllowed, Permanent, SelfhealError, TargetChanged
from selfheal.model.observation import Observation
from selfheal.model.recovery import RecoveryPlan
from selfheal.model.request import Entry, RequestStatus
from selfheal.model.trigger import Trigger, TriggerType
from selfheal.model.workflow import STATUS_OF, Workflow, WorkflowStatus
from selfheal.policy.delivered import recorded
from selfheal.ports import Deliverables, Observe, RequestFile, WorkflowStore
from selfheal.protocol.workflow_looks import Look, WorkflowLooks

REASONS = frozenset({TriggerType.STUCK_WORKFLOW, TriggerType.ESCALATED_WORKFLOW, TriggerType.MANUAL})


@dataclass(frozen=True, kw_only=True)
class Workflows:
    """What recovers workflows.

    Attributes:
        looks: one look at a workflow.
        file: the request file.
        states: `workflow_state`.
        deliverables: on JetStream.
    """

    looks: WorkflowLooks
    file: RequestFile
    states: WorkflowStore
    deliverables: Deliverables


class _RecoverWorkflow:
    """What both have in common.

    Args:
        workflows: what recovers them; None: there are none.
        observe: one look at a component.
        timeout: of the act.
    """

    name: str
    blocks: bool
    reasons = REASONS

    def __init__(
        self, workflows: Workflows | None, *, observe: Observe, timeout: timedelta = timedelta(seconds=30)
    ) -> None:
        self.timeout = timeout
        self._wired = workflows
        self._observe = observe

    def can_handle(self, trigger: Trigger, component: Component) -> bool:
        """Whether it is a workflow that is stuck or escalated, or a person asks; to retry it also one that is near."""
        return trigger.type in self.reasons and component.probe is ProbeKind.WORKFLOW and self._wired is not None

    def prepare(self, component: Component) -> Plan:
        """Read file, state and deliverables, and plan by them; changes nothing."""
        look, plan = self._planned(component)
        entry, row = _both(look)
        silent = look.verdict.stuck_for if look.early is None else look.early.took
        return Plan(
            before=look.life,
            rollback={
                "file": entry.status,
                "status": row.status.value,
                "stage": row.current_stage,
                "version": row.version,
            },
            evidence=fitted(
                {
                    "why": look.verdict.why or plan.why,
                    "plan": plan.why,
                    "stuck_minutes": None if silent is None else int(silent / timedelta(minutes=1)),
                    "file": f"{entry.status}, line {entry.status_line}",
                    "state": f"{row.status} at stage {row.current_stage}, version {row.version}",
                    "stages": {str(index): one["result"] for index, one in recorded(look.evidence).items()},
                }
            ),
            steps=(
                f"write {plan.status} in place of {entry.status} into line {entry.status_line} of the request file",
                f"move its state to {STATUS_OF[plan.status]} at stage {plan.stage}: {plan.why}",
            ),
            parameters={**_named(plan), "last_completed": plan.last_completed},
        )

    def commit(self, component: Component, plan: Plan) -> str:
        """Write the file, then the state, if the same plan still follows from what they say now."""
        look = self._look(component)
        now, same = look.plan, plan.before is not None and plan.before.same_life(look.life)
        if now is None or not same or _named(now) != _named_in(plan):
            raise TargetChanged(f"not done: {component.name} has moved meanwhile")
        entry, row = _both(look)
        before, who, why = entry.status, self.name, now.why
        self._workflows.file.write_status(component.name, before=before, after=now.status, who=who, why=why)
        moved = self._workflows.states.change(
            component.name,
            version=row.version,
            status=STATUS_OF[now.status],
            stage=now.stage,
            file_status=now.status.value,
            who=who,
            why=why,
            deliverables=recorded(look.evidence),
        )
        if not moved:
            self._take_back(component.name, now.status, before)
        return f"{before} became {now.status} at stage {now.stage}: {now.why}"

    def validate(self, component: Component) -> Observation:
        """One look."""
        return self._observe(component)

    def rollback(self, component: Component, plan: Plan) -> str:
        """Put file and state back to what was found, as far as they still say what was written."""
        back, wrote = plan.rollback or {}, RequestStatus(plan.parameters["status"])
        row, entry = self._workflows.states.get(component.name), self._workflows.file.read().entry(component.name)
        if row is None or entry is None or entry.status != wrote:
            raise TargetChanged(f"{component.name} is no longer as it was written: it is left as it is")
        if row.version != back["version"] and not _ours(row, plan):
            raise TargetChanged(f"the state of {component.name} was moved by somebody else: it is left as it is")
        why = "taken back: it did not help"
        self._workflows.file.write_status(
            component.name, before=wrote, after=RequestStatus(back["file"]), who=self.name, why=why
        )
        if row.version != back["version"] and not self._workflows.states.change(
            component.name,
            version=row.version,
            status=WorkflowStatus(back["status"]),
            stage=back["stage"],
            file_status=back["file"],
            who=self.name,
            why=why,
        ):
            raise Permanent(f"the state of {component.name} was moved meanwhile; the file says {back['file']} again")
        return f"{component.name} is {back['file']} again"

    def _planned(self, component: Component) -> tuple[Look, RecoveryPlan]:
        """A look with a plan of this action's kind; otherwise nothing is to be done."""
        look = self._look(component)
        plan = look.plan
        if plan is None:
            raise Permanent(f"nothing is done to {component.name}: {look.verdict.why or 'it is not stuck'}")
        if plan.blocks != self.blocks:
            other = "block-workflow" if plan.blocks else "retry-workflow"
            raise Permanent(f"{component.name} is not for {self.name}: {plan.why}", hint=f"use --action {other}")
        return look, plan

    def _look(self, component: Component) -> Look:
        return self._workflows.looks.one(component.name)

    def _take_back(self, req_number: str, wrote: RequestStatus, before: str) -> None:
        """The state has moved since it was read: then the file must not have."""
        try:
            self._workflows.file.write_status(
                req_number,
                before=wrote,
                after=RequestStatus(before),
                who=self.name,
                why="taken back: its state was moved meanwhile",
            )
        except SelfhealError as error:
            raise Permanent(
                f"the state of {req_number} was moved meanwhile, and the file says {wrote}: {error.message}",
                hint="see `selfheal workflows`",
            ) from error
        raise TargetChanged(f"not done: the state of {req_number} was moved by somebody else meanwhile")

    @property
    def _workflows(self) -> Workflows:
        if self._wired is None:
            raise NotAllowed("there are no workflows", hint="name the request file in workflows.request_file")
        return self._wired


class RetryWorkflow(_RecoverWorkflow):
    """Fulfils `ports.Action`: the workflow goes on at the stage that is missing, or is complete."""

    name = "retry-workflow"
    action_type = "RETRY_WORKFLOW"
    mode = "auto"
    risk = "A stage is worked on again; an agent that still works on it, unheard of, does so twice."
    manual_minutes = 30
    blocks = False
    reasons = REASONS | {TriggerType.STUCK_SOON}


class BlockWorkflow(_RecoverWorkflow):
    """Fulfils `ports.Action`: a person looks before it goes on. Saves nobody any work, and counts as none."""

    name = "block-workflow"
    action_type = "BLOCK_WORKFLOW"
    mode = "auto"
    risk = "The workflow stands still until a person resumes it."
    manual_minutes = 0
    blocks = True


def _both(look: Look) -> tuple[Entry, Workflow]:
    """What a plan is made of."""
    if look.entry is None or look.workflow is None:
        raise Permanent(f"{look.verdict.req_number} has no entry, or no state")
    return look.entry, look.workflow


def _named(plan: RecoveryPlan) -> dict[str, Any]:
    return {"type": plan.type.value, "status": plan.status.value, "stage": plan.stage}


def _named_in(plan: Plan) -> dict[str, Any]:
    return {name: plan.parameters.get(name) for name in ("type", "status", "stage")}


def _ours(row: Workflow, plan: Plan) -> bool:
    """Whether the state is what the act wrote, and nothing after it."""
    wrote = (STATUS_OF[RequestStatus(plan.parameters["status"])], plan.parameters["stage"])
    return (row.status, row.current_stage) == wrote and row.version == (plan.rollback or {})["version"] + 1

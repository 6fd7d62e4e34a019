"""healing-dispatch: the one entry for every heal.

People, webhooks and automations start its deployment; watchers call `dispatch`, which runs it in their own
process, or runs the same procedure without Prefect when its server does not answer.
"""

import logging
from datetime import UTC, datetime
from uuid import UUID

from prefect import flow, tags
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
from prefect.states import Completed, Failed

from flows.forms import Action, Component, DryRun, Reason, TriggerId, Who
from flows.names import heal_run
from flows.server import answers
from flows.states import final_state
from selfheal.bootstrap import current
from selfheal.logs import without_secrets
from selfheal.model.errors import SelfhealError, Transient
from selfheal.model.trigger import Priority, Source, Trigger, TriggerType
from selfheal.policy.asking import unproven
from selfheal.protocol.deciding import refused_for_now
from selfheal.protocol.dry_run import preview
from selfheal.protocol.heal import Result, heal
from selfheal.protocol.plain import plain_steps
from selfheal.store.text import clean
from tasks.heal import task_steps
from tasks.reporting.heals import report
from tasks.signing import signed_in
from tasks.slots import visible_slot

TAG = "selfheal"
"""Marks a run as ours, as our deployments mark theirs: a removal with the history takes what bears it."""
_log = logging.getLogger(__name__)
_given: dict[UUID, Trigger] = {}
"""The triggers that this process raised itself; whatever else comes in by its parameters is a person's word."""
_ended: dict[UUID, Result | SelfhealError] = {}
"""How heals ended that this process ran as flows, for `dispatch`."""


@flow(name="healing-dispatch", flow_run_name=heal_run, persist_result=False)
def healing_dispatch(  # noqa: PLR0913, PLR0917 - the fields of a form, which Prefect fills in by name
    component: Component,
    reason: Reason = "asked for by a person",
    action: Action = "",
    who: Who = "",
    dry_run: DryRun = False,  # noqa: FBT002 - the form's tick box
    trigger_id: TriggerId = None,
) -> State[None]:
    """Heal one component once: admit, claim, prepare, act, verify, roll back if need be, record.

    Args:
        component: What to heal, as it is named in selfheal.toml and on its allow-list.
        reason: Why; it is recorded, and told to whoever must approve.
        action: Which action, like restart-service; empty: the component's ladder decides.
        who: Who asks; it is recorded as your word, for Prefect knows no persons. Somebody else must approve what
            needs a person's word.
        dry_run: Only tell what would be done, and all that would refuse it.
        trigger_id: For programs only: the same id again is the same heal, and is answered the same; empty: this
            run's own.
    """
    trigger = _given.get(trigger_id) if trigger_id else None
    if trigger is None:
        trigger = Trigger(
            id=trigger_id or UUID(str(flow_run.id)),
            type=TriggerType.MANUAL,
            component=component,
            action=action,
            source=Source.PERSON,
            priority=Priority.HIGH,
            reason=reason,
            detected_at=datetime.now(UTC),
            who=unproven(who or "somebody"),
        )
    try:
        if dry_run:
            return Completed(name="DryRun", message=without_secrets(preview(current().healer, trigger).text()))
        with signed_in("healing-dispatch"), visible_slot(component):
            result = heal(task_steps(), trigger)
    except SelfhealError as error:
        _ended[trigger.id] = error
        return Failed(name="NothingDone", message=without_secrets(str(error)))
    _ended[trigger.id] = result
    report(trigger, result, return_state=True)  # its failure stands in its own state
    return final_state(result)


def dispatch(trigger: Trigger) -> Result:
    """Carry a watcher's trigger to its result: as a flow in this process, or directly.

    Where Prefect fails in the middle, the same procedure goes on with the same trigger: admission repeats its first
    answer, so that what was begun is followed to its outcome and nothing is done twice.

    Raises:
        SelfhealError: nothing was done; the sweep will raise the trigger again.
    """
    # a person has just said otherwise: by the earlier ladders and allow-list nothing is begun any more
    if current().overtaken():
        raise Transient("other settings are in force: whoever takes over heals it by those")
    if _worth_a_run(trigger) and answers():
        _given[trigger.id] = trigger
        try:
            _run_as_flow(trigger)
        except Exception as error:  # noqa: BLE001 - whatever Prefect's engine raises, our own record decides
            _log.warning("Prefect failed around the heal of %s: %s", trigger.component, error)
        finally:
            _given.pop(trigger.id, None)
        ended = _ended.pop(trigger.id, None)
        if isinstance(ended, SelfhealError):
            raise ended
        if ended is not None:
            return ended
    return heal(plain_steps(current().healer), trigger)


def _worth_a_run(trigger: Trigger) -> bool:
    """Whether it would be admitted as things stand; a refusal is recorded all the same, and is no run."""
    try:
        return not refused_for_now(current().healer, trigger)
    except SelfhealError as error:
        _log.warning("the heal of %s is no flow run: %s", trigger.component, error)
        return False


def _run_as_flow(trigger: Trigger) -> None:
    """Run the flow in this process; a heal is shorter than a heartbeat, whose thread would cost a second at its end."""
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}), tags(TAG):
        healing_dispatch(
            component=trigger.component,
            reason=clean(without_secrets(trigger.reason)),  # a NUL byte: the server would answer 500, again and again
            action=trigger.action,
            who=trigger.who,
            trigger_id=trigger.id,
            return_state=True,
        )

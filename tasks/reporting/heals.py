"""Leaves a page of each heal, or of its refusal, in the Prefect UI.

Always after the outcome is recorded, once, and without anybody who waits for it: a report that could not be written
is a failed task and nothing more.
"""

import re
from uuid import UUID

from prefect import task
from prefect.cache_policies import NO_CACHE

from selfheal.bootstrap import Estate, current
from selfheal.model.attempt import Outcome
from selfheal.model.errors import Permanent
from selfheal.model.trigger import Trigger
from selfheal.protocol.heal import Result
from selfheal.protocol.reconcile import Settled
from tasks.reporting.artifact import keep_markdown
from tasks.reporting.healing_report import healing_report
from tasks.reporting.refusal_report import refusal_report
from tasks.retries import ONCE


@task(name="report", task_run_name="report the heal of {trigger.component}", cache_policy=NO_CACHE, **ONCE)
def report(trigger: Trigger, result: Result) -> None:
    """The page of a trigger's heal or refusal; of what is left to reconcile there is nothing to tell yet."""
    estate, answer = current(), result.answer
    if answer.admitted:
        if result.outcome is not None and answer.attempt_id is not None and answer.fault_id is not None:
            _keep(estate, trigger.component, _healed(estate, answer.fault_id, answer.attempt_id, result.outcome))
        return
    story = None if answer.fault_id is None else estate.faults.story(answer.fault_id)
    asked = () if story is None else tuple(one for one in story.questions if one.state == "OPEN")
    _keep(estate, trigger.component, refusal_report(trigger.component, trigger.reason, answer, asked, estate.web))


@task(name="report-settled", task_run_name="report on {settled.attempt.component}", cache_policy=NO_CACHE, **ONCE)
def report_settled(settled: Settled) -> None:
    """The page of an attempt that reconcile brought to its outcome."""
    estate, attempt = current(), settled.attempt
    if settled.outcome is not None:
        _keep(estate, attempt.component, _healed(estate, attempt.fault_id, attempt.id, settled.outcome))


def _healed(estate: Estate, fault_id: UUID, attempt_id: UUID, outcome: Outcome) -> str:
    story = estate.faults.story(fault_id)
    found = None if story is None else next((one for one in story.attempts if one.line.attempt_id == attempt_id), None)
    if story is None or found is None:
        raise Permanent(f"attempt {attempt_id} cannot be told of: its fault's story does not have it")
    return healing_report(story, found, outcome, estate.web)


def _keep(estate: Estate, component: str, text: str) -> None:
    """Under a key of the component, so that its reports are found together; a name that is no component has none."""
    key = f"heal-{re.sub('[^a-z0-9]', '-', component)}" if component in estate.healer.components else None
    keep_markdown(text, key=key, description="What was seen, decided, done and proved.")

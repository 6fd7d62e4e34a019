"""The steps of a heal as Prefect tasks: observing and recording are retried, the act and the rollback never.

`healing-dispatch` and `reconcile` hand `task_steps()` to the procedure in `selfheal.protocol.heal`.
"""

from uuid import UUID

from prefect import task
from prefect.cache_policies import NO_CACHE

from selfheal.bootstrap import current
from selfheal.model.admission import Answer
from selfheal.model.attempt import Attempt, Outcome, RollbackOutcome
from selfheal.model.observation import Observation
from selfheal.model.trigger import Trigger
from selfheal.protocol import reconcile, steps
from selfheal.protocol.heal import Steps
from tasks.retries import ONCE, RETRYING
from tasks.run import this_run


@task(name="observe", task_run_name="observe {trigger.component}", cache_policy=NO_CACHE, **RETRYING)
def observe(trigger: Trigger) -> Observation | None:
    """Look at the component before admission."""
    return steps.observe(current().healer, trigger)


@task(name="admit", task_run_name="admit {trigger.component}", cache_policy=NO_CACHE, **RETRYING)
def admit(trigger: Trigger, seen: Observation | None) -> Answer:
    """Ask for admission: idempotent by the trigger's id."""
    return steps.admit(current().healer, trigger, seen)


@task(name="claim", task_run_name="claim attempt {attempt_id}", cache_policy=NO_CACHE, **RETRYING)
def claim(attempt_id: UUID) -> Attempt:
    """Take the admitted attempt for this process."""
    return steps.claim(current().healer, attempt_id, this_run())


@task(
    name="prepare", task_run_name="prepare {attempt.action} on {attempt.component}", cache_policy=NO_CACHE, **RETRYING
)
def prepare(attempt: Attempt) -> Attempt:
    """Keep the evidence and the way back; changes nothing."""
    return steps.prepare(current().healer, attempt)


@task(name="act", task_run_name="act: {attempt.action} on {attempt.component}", cache_policy=NO_CACHE, **ONCE)
def act(attempt: Attempt) -> steps.Act:
    """Act, once."""
    return steps.act(current().healer, attempt)


@task(
    name="verify", task_run_name="verify {attempt.component} after {attempt.action}", cache_policy=NO_CACHE, **RETRYING
)
def verify(attempt: Attempt) -> Observation:
    """Observe the result until it is healthy and stays so, or its time is up."""
    return steps.verify(current().healer, attempt)


@task(
    name="roll-back", task_run_name="roll back {attempt.action} on {attempt.component}", cache_policy=NO_CACHE, **ONCE
)
def roll_back(attempt: Attempt) -> tuple[RollbackOutcome, str]:
    """Go back to what was found, once."""
    return steps.roll_back(current().healer, attempt)


@task(
    name="record",
    task_run_name="record {attempt.action} on {attempt.component}: {outcome.name}",
    cache_policy=NO_CACHE,
    **RETRYING,
)
def record(attempt: Attempt, outcome: Outcome, execution_ms: int | None) -> Outcome:
    """Write the one outcome."""
    return steps.record(current().healer, attempt, outcome, execution_ms)


@task(name="follow", task_run_name="follow attempt {attempt_id}", cache_policy=NO_CACHE, **ONCE)
def follow(attempt_id: UUID) -> Outcome | None:
    """Wait for the outcome of an attempt that an earlier run of the same trigger began."""
    return reconcile.follow(current().healer, task_steps(), attempt_id)


def task_steps() -> Steps:
    """The steps, each a task."""
    return Steps(
        observe=observe,
        admit=admit,
        claim=claim,
        prepare=prepare,
        act=act,
        verify=verify,
        roll_back=roll_back,
        record=record,
        follow=follow,
        leases=current().healer.leases,
        run=this_run(),
    )

"""replay: what other settings would have done with the past; by hand only. It reads, and heals and writes nothing."""

from datetime import UTC, datetime

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.forms import Changes, Only, Since, Until
from flows.names import replay_run
from selfheal.bootstrap import current
from selfheal.logs import without_secrets
from selfheal.model.errors import SelfhealError
from selfheal.replay.asking import moment_of, question_of
from tasks.replay import replay_past
from tasks.reporting.replay import show_replay, summary


@flow(name="replay", flow_run_name=replay_run, persist_result=False)
def replay(since: Since = "30 d", changes: Changes = [], component: Only = "", until: Until = "") -> State[None]:  # noqa: B006 - Prefect copies it
    """Run the rules over what was recorded, as they are set and as they would be.

    Args:
        since: So long ago it begins, like 30 d; or a time, like 2026-11-01.
        changes: Each a setting as it would be, like watching.strikes=2.
        component: Only of this one; empty: of all.
        until: The same for its end; empty: now.
    """
    now = datetime.now(UTC)
    try:
        begins, ends = moment_of(since, now), moment_of(until, now) if until else now
        question = question_of(current().settings, since=begins, until=ends, changes=changes, component=component)
        found = replay_past(question)
    except (SelfhealError, ValueError) as error:
        return Failed(name="NotReplayed", message=without_secrets(str(error)))
    show_replay(found, return_state=True)  # its failure stands in its own state
    return Completed(name="Replayed", message=summary(found))

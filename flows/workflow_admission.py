"""workflow-admission: starts workflows that wait, every minute and by hand.

A few at once, one place of which is a P0's, each by one message, whatever dies in between; the breaker of the stage's
agent is asked before, and told how it ended.
"""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.forms import DryRun
from flows.names import admission_run
from selfheal.bootstrap import current
from selfheal.logs import without_secrets
from selfheal.model.errors import SelfhealError
from selfheal.protocol.admitting import outlook
from tasks.reporting.workflows import show_workflows
from tasks.signing import signed_in
from tasks.workflows.starts import end_starts, finish_starts, start_workflows


@flow(name="workflow-admission", flow_run_name=admission_run, persist_result=False)
def workflow_admission(dry_run: DryRun = False) -> State[None]:  # noqa: FBT002 - the form's tick box
    """Start the workflows whose turn it is: by priority, then by age.

    Args:
        dry_run: Only tell which would be started and which not, and why; nothing is asked of a breaker or written.
    """
    starting = current().starting
    if starting is None:
        return Completed(name="NoWorkflows", message="workflows.request_file names no file: there are no workflows")
    try:
        if dry_run:
            return Completed(name="DryRun", message=without_secrets(outlook(starting).words))
        if not starting.allowed:
            return Completed(name="NotAllowed", message="nothing is started: add workflows to healing.allow")
        with signed_in("workflow-admission"):
            finished, ended, turn = finish_starts(), end_starts(), start_workflows()
    except SelfhealError as error:
        return Failed(name="NotStarted", message=without_secrets(str(error)))
    if turn.started or ended:
        show_workflows(return_state=True)  # its failure stands in its own state
    words = f"{len(finished)} finished, {len(ended)} ended, {turn.words}"
    return Completed(name="Started" if turn.started else "NothingStarted", message=without_secrets(words))

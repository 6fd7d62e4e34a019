"""workflow-persistence: keeps `workflow_state` true, at every start, every 5 minutes and by hand.

It takes new requests in, lets the state follow what people and agents write into the request file and what is
delivered on JetStream, completes what has the last stage's evidence, and forgets what has been complete for long.
"""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.forms import AlthoughMany, DryRun
from flows.names import persistence_run
from selfheal.bootstrap import current
from selfheal.logs import without_secrets
from selfheal.model.errors import SelfhealError
from selfheal.protocol.keeping import would_keep
from tasks.reporting.workflows import show_workflows
from tasks.signing import signed_in
from tasks.workflows.states import keep_states, project_deliverables


@flow(name="workflow-persistence", flow_run_name=persistence_run, persist_result=False)
def workflow_persistence(although_many: AlthoughMany = False, dry_run: DryRun = False) -> State[None]:  # noqa: FBT002 - the form's tick boxes
    """Let the states of workflows follow the request file and the deliverables, by the table of rules.

    Args:
        although_many: Also let more workflows start again than may at once. So many are rather an old copy of the
            request file than a decision: tick it only after you have looked.
        dry_run: Only tell what would be taken in and settled; nothing is written.
    """
    keeping = current().keeping
    if keeping is None:
        return Completed(name="NoWorkflows", message="workflows.request_file names no file: there are no workflows")
    try:
        if dry_run:
            return Completed(name="DryRun", message=without_secrets(would_keep(keeping)))
        with signed_in("workflow-persistence"):
            kept = keep_states(although_many)
    except SelfhealError as error:
        return Failed(name="NotKept", message=without_secrets(str(error)))
    project_deliverables(return_state=True)  # the history of people only: a broker that is away fails this alone
    show_workflows(return_state=True)  # its failure stands in its own state
    words = without_secrets(kept.words)
    if kept.unbelieved:
        return Failed(name="FileNotBelieved", message=words)
    return Completed(name="Storm" if kept.settled.storm else "Kept", message=words)

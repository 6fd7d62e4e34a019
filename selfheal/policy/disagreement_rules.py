"""The one table of rules: what settles each kind of disagreement. The pages for people are made from it."""

from selfheal.model.disagreement import Kind, Rule, Settler

_PERSON, _PERSISTENCE = Settler.PERSON, Settler.PERSISTENCE
_TABLE = (
    (
        Kind.FILE_SHRANK,
        "More than half of the open workflows have vanished from the request file at once.",
        "Nothing at all is moved, and the file is not written, until a person has put it back.",
        _PERSON,
        "Restore the file from its last good copy; `selfheal approvals` asks whether to.",
    ),
    (
        Kind.CONFLICT,
        "The request stands in the file several times, with different statuses.",
        "None of them is believed, and none is written: only a person knows which is meant.",
        _PERSON,
        "Delete the entries that are not meant.",
    ),
    (
        Kind.DUPLICATE,
        "The request stands in the file several times, with the same status.",
        "Its status is never written: a change of one of the entries would make a conflict.",
        _PERSON,
        "Delete all of its entries but one.",
    ),
    (
        Kind.NO_STATUS,
        "The file has no status of the request that we know, or several.",
        "Nothing is moved: a word that nobody knows is no decision.",
        _PERSON,
        "Write one line `**Status**: WORD` in its entry, with a word of docs/workflows.md.",
    ),
    (
        Kind.VANISHED,
        "A workflow that has not ended has no entry in the file any more.",
        "It stays as it is: an entry that was lost is no decision to stop.",
        _PERSON,
        "Put its entry back, with status REJECTED if it is not wanted any more.",
    ),
    (
        Kind.NO_STATE,
        "The file has an open request of which `workflow_state` has no row.",
        "It is taken in with the next run.",
        _PERSISTENCE,
        "Nothing; if it stays, see the runs of workflow-persistence.",
    ),
    (
        Kind.COMPLETE_WITHOUT_EVIDENCE,
        "The file, or the state, says COMPLETE, and not every stage has delivered.",
        "The word is not taken over: without the last stage's evidence nothing is complete.",
        _PERSON,
        "See which stages are absent: have them delivered, or write PENDING into the file so that it is resumed.",
    ),
    (
        Kind.COMPLETE_IN_FILE,
        "The file says COMPLETE and every stage has delivered; the state says that it is still open.",
        "The state becomes complete: word and evidence agree.",
        _PERSISTENCE,
        "Nothing.",
    ),
    (
        Kind.ALL_DELIVERED,
        "Every stage has delivered, and file and state say that it is still open.",
        "It is completed, in the file and in the state: the evidence is whole.",
        _PERSISTENCE,
        "Nothing.",
    ),
    (
        Kind.STAGE_REFUSED,
        "The stage's agent has delivered that it failed, is blocked, or rejects; file and state say it is under way.",
        "It stays as it is: an agent's no is no evidence that a stage is done, nor that it will not be.",
        _PERSON,
        "Read the deliverable: block the workflow, or have the stage worked on again.",
    ),
    (
        Kind.STAGE_SKIPPED,
        "The state stands at a stage, and an earlier one has not delivered.",
        "Work under way is not disturbed; once it is stuck it goes on at the first stage that is missing.",
        Settler.HEALTH_CHECK,
        "See whether the earlier stage is needed; if so, recover the workflow by hand.",
    ),
    (
        Kind.STAGE_BEHIND,
        "The stage at which the state stands has delivered.",
        "The state goes to the first stage that has not.",
        _PERSISTENCE,
        "Nothing.",
    ),
    (
        Kind.ZOMBIE,
        "It runs for longer than its stage may take, nothing is delivered, and the file says NEW or PENDING.",
        "Nobody works on it: it becomes pending, from the beginning. There is nothing that could be lost.",
        _PERSISTENCE,
        "Nothing; if it comes again, see why its first agent delivers nothing.",
    ),
    (
        Kind.STATE_BEHIND,
        "The file says what we ourselves wrote into it last; the state was not changed with it.",
        "The change that was interrupted is finished: the state follows our own word.",
        _PERSISTENCE,
        "Nothing.",
    ),
    (
        Kind.FILE_BEHIND,
        "The state was changed by us, and the file still says what it said then.",
        "The change that was interrupted is finished: the file gets the state's word.",
        _PERSISTENCE,
        "Nothing; if it stays, the file cannot be written: see `selfheal doctor`.",
    ),
    (
        Kind.REVERTED,
        "The file says again what our last change of it replaced.",
        "Nothing is moved: an agent that writes an older copy back looks the same as a person who means it.",
        _PERSON,
        "Write the status that is meant once more: any other word, or ours, ends this.",
    ),
    (
        Kind.OVERRULED,
        "The state is blocked, failed or complete, and another hand than ours has written otherwise into the file.",
        "What was stopped stays stopped until a person says so by name: everybody may write the file.",
        _PERSON,
        "Resume the workflow by its name if that is meant; else write the state's word into the file.",
    ),
    (
        Kind.PUT_BACK,
        "The state says running; another hand than ours has written NEW or PENDING into the file.",
        "The file's word is newer than ours: it becomes pending, at the first stage that has not delivered.",
        _PERSISTENCE,
        "Nothing.",
    ),
    (
        Kind.HELD,
        "The workflow is open; another hand than ours has written BLOCKED, ESCALATED or DEFERRED into the file.",
        "The file's word is newer than ours: it is blocked.",
        _PERSISTENCE,
        "Nothing; resume the workflow by its name when its reason is gone.",
    ),
    (
        Kind.GIVEN_UP,
        "The workflow is open; another hand than ours has written FAILED or REJECTED into the file.",
        "The file's word is newer than ours: it has failed.",
        _PERSISTENCE,
        "Nothing.",
    ),
    (
        Kind.BEGUN_ELSEWHERE,
        "The state says pending; another hand than ours has written IN_PROGRESS into the file.",
        "Somebody works on it: it is running, counts among those at once, and is watched for getting stuck.",
        _PERSISTENCE,
        "Nothing.",
    ),
    (
        Kind.ORPHANS,
        "JetStream holds deliverables of a request that neither the file nor the state knows.",
        "They stay: what somebody worked for is deleted by a person's word only.",
        _PERSON,
        "Put the request into the file, or approve prune-deliverables.",
    ),
    (
        Kind.LOST_RUN,
        "Prefect says that a run works on the workflow; its process is gone.",
        "The run is ended as crashed, and its heal is settled by observation.",
        Settler.RECONCILE,
        "Nothing; if it stays, run the flow `reconcile`.",
    ),
    (
        Kind.RUN_AFTER_END,
        "A run claims to work on a workflow that has ended.",
        "It ends by itself: a change on an older version is refused.",
        _PERSON,
        "Cancel the run in Prefect if it does not.",
    ),
)

RULES = {
    kind: Rule(kind=kind, what=what, rule=rule, settler=settler, advice=advice)
    for kind, what, rule, settler, advice in _TABLE
}
"""Of every kind."""

"""What `--help` says: what each command does, what one sees, and an example that can be pasted."""

ABOUT = """\
Finds what broke in an estate, heals it once, proves it and writes it down.

New here? `selfheal demo` breaks things for real and heals them, in a minute.
Exit codes: 0 all is well; 1 bad news, or it failed; 2 wrong usage or settings.
"""

COMMANDS = {
    "discover": """Look at what runs here, and write a first settings file.

Asks the Docker engine, supervisord and systemd, changes nothing, and writes
every container and program as a component that is only observed. In the file
you see what was left out and why, and the two edits that make it heal. A file
that is there is never replaced without --force.

    selfheal discover --output selfheal.toml
    selfheal discover --supervisor http://127.0.0.1:9001
""",
    "up": """Run the whole stack in the foreground, until Ctrl-C.

Starts Postgres, NATS, the Prefect server and a worker, and watches the
components of selfheal.toml. You see one line per change of a part, then where
the Prefect UI is, what is watched and what may be healed: only what
healing.allow names. Nothing is left running afterwards, however it ends.

    selfheal up --config selfheal.toml
""",
    "demo": """Break real programs in at least four ways, and heal them.

Starts a stack of its own in an empty folder, kills a service, lets another
hang, kills the message broker and breaks one service twice. You see what was
broken, detected, admitted, done and verified, with its seconds, and a closing
table. Ends with 0 only if each fault was healed exactly once.

    selfheal demo
    selfheal demo --keep-running
""",
    "status": """Say what runs, how components are, what needs a person.

You see the stack's parts, the mechanisms and when they last looked, each
component's health, open faults and the latest refusals. Ends with 1 when
something of that is bad news.

    selfheal status
    selfheal status -o json
""",
    "heal": """Heal one component once.

Starts the Prefect deployment healing-dispatch, prints the link to its run,
waits, and prints how it ended; where the Prefect server does not answer, the
same heal runs in this process. What must not be healed is refused, and that is
recorded. With --dry-run you see what would be done, to what, and what would
refuse it; then nothing is done and nothing is recorded. With --break-glass an
admin's own word stands in for a second person's, where nobody else can answer:
it passes that question and nothing else, and everybody is told.

    selfheal heal backend --why "slow since noon"
    selfheal heal backend --dry-run
    selfheal heal backend --break-glass --why "nobody else is awake"
""",
    "reload": """Take the edited settings file up without a restart.

The running stack checks the file as `up` does, puts it in force, and a new run
of the watcher takes over; heals under way finish as they began. You see what
changes, what may now be healed, and what needs a restart. A wrong file changes
nothing, and the answer names what is wrong.

    selfheal reload --dry-run
    selfheal reload
""",
    "pause": """Stop all healing: the kill switch.

No heal is admitted any more, neither a watcher's nor a person's; what is under
way finishes. Watching goes on. You see who paused, since when and why; so does
everybody in `selfheal status`, in every refusal and in a dry run.

    selfheal pause --why "storage move until noon"
    selfheal pause --for "2 h" --why "storage move"
""",
    "resume": """End a pause.

You see whose pause ended. What is sick by then is healed within half a minute.

    selfheal resume --why "the storage is moved"
""",
    "history": """List the newest attempts to heal.

You see when, which component and action, the outcome, what the verification
found, seconds of the act and of the whole attempt, why, and what happened.

    selfheal history --component backend --limit 5
""",
    "rates": """Tell what came of the heals: success, time, recurrence, cost.

You see for all, and by action or component: attempts, the share that was
verified healed, the mean time from detection to verified healed (MTTR), the
share that was sick again within 24 hours, failures that a breaker prevented,
and dollars saved; each with its 95 % interval.

    selfheal rates
    selfheal rates --for "24 h" --by component
""",
    "replay": """Tell what other settings would have done with the past.

Runs the rules over what was recorded, once as they are set and once as you ask,
and heals and writes nothing. You see rule by rule what was really done, what
the settings do and what yours would: triggers, what is found earlier, later,
besides or not at all, heals, those that fail, harm or are for nothing, dollars,
and predictions with what came of them; then the differences with their times,
and since when the past is known.

    selfheal replay --set watching.strikes=2
    selfheal replay --since "7 d" --set healing.cooldown=5min --component backend
""",
    "actions": """List how far each action may go, or decide about one.

Modes: observe (nothing), shadow (it plans, and the plan is recorded), approve
(it asks a person), auto (it acts). The stricter of the settings and of what is
written here is in force. You see the modes, who wrote them and why, what is
proposed, and what was demoted because its heals failed.

    selfheal actions
    selfheal actions mode restart-service approve --why "it lost data"
    selfheal actions mode restart-service auto --why "mended" --dry-run
""",
    "predictions": """List what is foretold, show one, and tell how often it was right.

You see what stands, the most urgent first, and the newest of all with what
became of them: hit, early, miss or prevented. show draws the metric from a day
before on, with its limit, the alarm and the foretold time, and tells what was
done for it; record tells for each rule how often it was right, how long before
(median), and how often the breach came within the interval that it told. In
mode observe what is foretold is only shown.

    selfheal predictions
    selfheal predictions --component backend --open
    selfheal predictions show 01a20624-2a5f-79b9-8eac-0a7d3b1aab00
    selfheal predictions record --days 7 -o json
""",
    "approvals": """List what waits for a person's word, and answer it.

An action in mode approve asks before it acts. You see what would be done, to
what, who asked, why, what else it touches, and until when; show adds the
parameters, the evidence and what was tried before. Whoever asked cannot approve
it, and you are known by a token: SELFHEAL_TOKEN, or --token-file. What you
approve is done once, as you saw it, or not at all; you see how it ended. What
you deny stays a person's until it is healthy again.

    selfheal approvals
    selfheal approvals show 01a20624-2a5f-79b9-8eac-0a7d3b1aab00
    selfheal approvals approve 01a20624-2a5f-79b9-8eac-0a7d3b1aab00 --why "seen"
    selfheal approvals deny 01a20624-2a5f-79b9-8eac-0a7d3b1aab00 --why "disk first"
""",
    "workflows": """List the estate's own work, and where its stores disagree.

You see each workflow as the request file and the state have it, its stage, and
whether it is stuck; show adds each stage's deliverable (present, absent, or
nobody can tell, and why) and what happened; disagreements tells what the stores
say differently, which rule settles it, and what only a person settles. What is
shown was compared by workflow-persistence last: it works while file or broker
are away, and says so. Ends with 1 where a person must look.
With --file you see what any request file on disk says: its entries, ids that
stand there more than once, entries that say two things, and whatever else is
not as it should be, with its line. No stack is needed. A file
that has lost more than half is not written any more, and a person is asked
whether the last good copy is to be put back; accept says that it is meant.

plan shows how each workflow stands of which there is something to say, and
what a run would change; it changes nothing. recover puts one back on track as
a heal; block and resume are your own word about one, with --why.

    selfheal workflows
    selfheal workflows show REQ-ITEM-MASTER-001
    selfheal workflows disagreements -o json
    selfheal workflows --file OWNER_REQUESTS.md -o json
    selfheal workflows accept --why "the old ones are in the archive"
    selfheal workflows plan
    selfheal workflows recover REQ-ITEM-MASTER-001 --dry-run
    selfheal workflows resume REQ-ITEM-MASTER-001 --why "the review is done"
""",
    "maintenance": """Plan windows in which nothing in their scope is healed.

Of the whole estate, a group or a component. You see the windows that are not
over; heals under way finish, and what is refused says who and why.

    selfheal maintenance plan --component backend --for "2 h" --why "new disks"
    selfheal maintenance plan --from "2026-12-01 22:00" --zone Europe/Berlin --why "move"
    selfheal maintenance end 01a20624-2a5f-79b9-8eac-0a7d3b1aab00 --why "done early"
""",
    "storm": """List storms, or let heals begin again in spite of one.

So many components sick at once are a storm: new heals wait until it has been
quiet for 10 minutes, or for `go`. Only what is CRITICAL and depends on nothing
sick is healed meanwhile. You see the storms, and who let heals begin again;
then the usual limits hold.

    selfheal storm go --why "the power is back"
""",
    "alerts": """List what people were told, take alerts, silence some, test channels.

You see what is open, how bad, since when and whose it is; `deliveries` shows
each message on each channel, with its error. `ack` says that you have it: it is
not told again, and its channels hear of it. `silence` keeps people from being
told for a time. A test reaches every channel, or the one that you name; `again`
sends what a channel never took and is still open, once its settings are mended.

    selfheal alerts test
    selfheal alerts again chat --why "its address is right now"
    selfheal alerts ack "fault/*" --why "on my way"
    selfheal alerts silence web --for "2 h" --why "new disks"
""",
    "logs": """List the logs that are followed, or try the patterns on a file.

You see how far each log was read, how far behind that is, how many lines were
errors within the window, how many were cut, and what was lost (gaps); then what
was found, by pattern. `test` tells which lines of a file which pattern fits,
with their signatures: it needs no running stack, and counts and raises nothing.

    selfheal logs
    selfheal logs test /var/log/backend/app.log
""",
    "breaker": """List the circuit breakers, show one, or decide in place of one.

An action that keeps failing, on whatever target, is left alone for a while,
then tried five times; so is an agent (agent:NAME, or agent:TENANT/NAME) whose
workflows keep failing. You see each breaker as the next ask would find it, with
its last results (+ good, - not) and who has overridden it; show adds what
failed. What an action's breaker refused stands in `selfheal status`.

    selfheal breaker
    selfheal breaker show restart-service
    selfheal breaker open restart-service --why "restarts lose data today" --for "2 h"
    selfheal breaker automatic restart-service --why "mended"
""",
    "token": """Give people tokens for the dashboard and the API, or take them back.

Roles: viewer (sees), operator (heals, pauses, plans maintenance, overrides a
breaker), approver (answers what waits for a word), admin (tokens, modes, breaks
the glass). The secret is printed once and kept nowhere; whoever has a token of
a tenant sees that tenant's rows and changes nothing. Needs the running stack's
data folder. You see the tokens: whose, until when, last used, and why revoked.

    selfheal token issue ada --role operator --lasts "30 d"
    selfheal token
    selfheal token revoke 01a20624-2a5f-79b9-8eac-0a7d3b1aab00 --why "she left"
""",
    "intake": """List the alerts of other systems, or test how one would be read.

You see the latest alerts that came in over the webhooks and NATS: how often,
where each stands, what became of its trigger, and what was refused and why.
With `test` you see what a body would be read as; nothing is sent or kept. Ends
with 1 when something of the body would be refused.

    selfheal intake
    selfheal intake test alertmanager body.json
""",
    "estate-sql": """Print the SQL that lets Selfheal into a database of the estate.

You see what its DBA has to run there: a login role that may run the migrations
of selfheal.toml and nothing else, the functions for that, and the migrations
themselves. Run it again after each change of a migration; what is unchanged
stays as it is.

    selfheal estate-sql agents | psql -v ON_ERROR_STOP=1 -d agents
""",
    "deployments": """Apply our deployments to a Prefect server, or remove them.

Brings work pool, queues, flows, deployments, limits and the automation to the
server of prefect.url, without it to that of the running stack; twice is as
good as once. remove takes exactly that away again; the runs are kept unless
--history is given. You see one line per object and what happens to it. What
somebody else has there is never touched: where their objects bear our names
or hang on ours, it is refused before anything is changed.

    selfheal deployments apply --dry-run
    selfheal deployments remove
""",
    "backup": """Back up the database and the settings, into one file.

Works while the stack runs (a consistent snapshot) and when it is stopped. The
file is private, checksummed, and appears whole or not at all. You see what is
in it, and whether it holds secrets: passwords in the settings file. Prefect's
own history, logs and the embedded servers' passwords are not in it.

    selfheal backup /backup/selfheal-monday.zip
""",
    "restore": """Fill an empty data folder from a backup; healing is paused.

A folder that has data is refused; --replace keeps that aside, in the folder.
What was under way at the time of the backup is recorded as failed, never done
again. You see what was restored and what to do next.

    selfheal restore /backup/selfheal-monday.zip --data /var/lib/selfheal
""",
    "systemd-unit": """Print a hardened systemd unit for `selfheal up`.

You see the unit with the paths of this installation on stdout, and on stderr
the user to make first; nothing is installed. Reload, stop and restarts are
those of docs/operations.md.

    selfheal systemd-unit > /etc/systemd/system/selfheal.service
    selfheal systemd-unit --data /var/lib/selfheal --config /etc/selfheal/selfheal.toml
""",
    "doctor": """Find what is wrong here, and what to do about it.

You see one line per check of the installation, the running stack and the
estate: ok, or the problem and what to do. Every check is bounded by a time-out,
whatever is dead. Ends with 1 when there is a problem.

    selfheal doctor
""",
    "config": """Check the settings, or tell what can be set.

With `check` you see each wrong setting with its place and the nearest right
name, then what is right and hardly meant; with --live also what Docker, the
supervisors and the databases do not know. `show` lists what is in force and
where each value comes from; `schema` and `reference` print what can be set, for
an editor and for a person. Ends with 2 when a setting is wrong.

    selfheal config check selfheal.toml
    selfheal config check --live
    selfheal config show
    selfheal config schema > selfheal.schema.json
""",
}

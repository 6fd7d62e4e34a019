"""What `--help` says: what each command does, what one sees, and an example that can be pasted."""

ABOUT = """\
Finds what broke in an estate, heals it once, proves it and writes it down.

New here? `selfheal demo` starts everything, breaks four things for real and heals them.
Exit codes: 0 all is well; 1 the answer is bad news, or it could not be done; 2 wrong usage or settings.
"""

COMMANDS = {
    "up": """Run the whole stack in the foreground, until Ctrl-C.

Starts Postgres, NATS, the Prefect server and a worker, and watches the components of selfheal.toml.
You see one line per change of a part, then where the Prefect UI is, what is watched and what may be healed.
Nothing is left running afterwards, whichever way it ends. Only what healing.allow names is ever healed.

    selfheal up --config selfheal.toml
""",
    "demo": """Break at least four things in a small estate of real programs, and heal them.

Starts a stack of its own in an empty folder, kills a service, lets another hang, kills the message broker and
breaks one service twice. You see what was broken, detected, admitted, done and verified, second by second, and a
closing table. Ends with 0 only if each fault was healed exactly once. It takes about a minute.

    selfheal demo
    selfheal demo --keep-running
""",
    "status": """Say what runs, how the components are, and what a person must look at.

You see the stack's parts, the mechanisms and when they last looked, each component's health, open faults and the
latest refusals. Ends with 1 when something of that is bad news.

    selfheal status -o json
""",
    "heal": """Heal one component once.

Starts the Prefect deployment healing-dispatch, prints the link to its run, waits, and prints how it ended; where
the Prefect server does not answer, the same heal runs directly. A heal that must not be is refused and recorded.
With --dry-run you see what would be done, to what, and what would refuse it; nothing is done or recorded.

    selfheal heal backend --why "slow since noon"
    selfheal heal backend --dry-run
""",
    "history": """List the newest attempts to heal.

You see when, which component and action, the outcome, what the verification found, how long the act and the
whole attempt took, why, and what happened.

    selfheal history --component backend --limit 5
""",
    "doctor": """Look for what is wrong with the installation and with the running stack.

You see one line per check: ok, or the problem and what to do about it. Ends with 1 when there is a problem.
Every check is bounded by a time-out, whatever is dead.

    selfheal doctor
""",
}

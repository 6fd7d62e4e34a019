"""Named places at which a test may kill or freeze the process: `SELFHEAL_FAILPOINT=after-claim:kill`.

The protocol, and the client of the request file, call `reach` at each; without the variable that is one look at the
environment.
"""

import os
import signal

from selfheal.model.errors import Permanent
from selfheal.policy.names import nearest

NAMES = (
    "after-admit",
    "after-claim",
    "after-prepare",
    "before-announce",
    "before-act",  # announced, but the target is untouched
    "after-act",
    "before-verify",
    "after-verify",
    "before-roll-back",
    "after-roll-back",
    "before-record",
    "after-record",
)
"""Of a heal."""
FILE_NAMES = (
    "after-new-file",  # it lies beside the old one, and nothing is announced
    "after-announcement",
    "after-swap",  # the new file is in place, the old one beside it
    "after-swap-sure",  # the same, and nobody was writing it
    "before-settlement",
    "after-settlement",
)
"""Of a change of the request file."""
STARTING = ("after-start-claim", "after-start-publish", "before-start-record", "after-start-record")
"""Of the start of a workflow."""
TELLING = (
    "before-alert-route",
    "after-alert-route",
    "after-alert-claim",
    "after-alert-send",  # the channel has it, and nothing of that is recorded
    "after-alert-settle",
    "after-spool",  # an alert is in the spool, and nobody was told
    "after-spool-send",
    "after-spool-put",  # the spool is in the outbox, and still in its file
    "after-spool-clear",
)
"""Of telling people."""
FORETELLING = (
    "after-forecast-look",
    "before-forecast-commit",  # all is written, and nothing of it holds yet
    "after-forecast-commit",
)
"""Of foretelling."""
_SIGNALS = {"kill": signal.SIGKILL, "freeze": signal.SIGSTOP}


def reach(name: str) -> None:
    """End or freeze this process if it is to happen here; raises what `wanted` raises."""
    if name == wanted()[0]:
        os.kill(os.getpid(), _SIGNALS[wanted()[1]])


def wanted() -> tuple[str, str]:
    """The place and the way that the variable asks for, both empty without it.

    Raises:
        Permanent: the variable names no failpoint or no way to fail; `up` asks before anything is healed.
    """
    value = os.environ.get("SELFHEAL_FAILPOINT")
    if not value:
        return "", ""
    place, _, way = value.partition(":")
    names = (*NAMES, *FILE_NAMES, *STARTING, *TELLING, *FORETELLING)
    if place not in names or way not in _SIGNALS:
        known = nearest(place, names)
        raise Permanent(f"SELFHEAL_FAILPOINT={value!r} is no failpoint{known}", hint="NAME:kill|freeze")
    return place, way

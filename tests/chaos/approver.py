"""A person who approves, and whose process is killed before it has heard that the answer is written."""

import os
import signal
import sys
from uuid import UUID

from selfheal.model.identity import Door
from selfheal.store.approvals import Approvals
from selfheal.store.engine import open_engine
from selfheal.store.tokens import Tokens


def main() -> None:
    """Answer, and die."""
    approval, fingerprint = sys.argv[1:]
    engine = open_engine(os.environ["SELFHEAL_API_DATABASE_URL"], pool_size=1)
    grace = Tokens(engine).find(os.environ["SELFHEAL_TOKEN"])
    assert grace is not None
    Approvals(engine).answer(
        UUID(approval), approve=True, identity=grace, door=Door.CLI, why="seen", fingerprint=fingerprint
    )
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()

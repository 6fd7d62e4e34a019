"""A person who approves, and whose process is killed before it has heard that the answer is written."""

import os
import signal
import sys
from uuid import UUID

from uuid6 import uuid7

from selfheal.model.identity import Door, Identity, Role
from selfheal.store.approvals import Approvals
from selfheal.store.engine import open_engine


def main() -> None:
    """Answer, and die."""
    approval, fingerprint = sys.argv[1:]
    approvals = Approvals(open_engine(os.environ["SELFHEAL_API_DATABASE_URL"], pool_size=1))
    grace = Identity(name="grace", role=Role.APPROVER, token=uuid7())
    approvals.answer(UUID(approval), approve=True, identity=grace, door=Door.CLI, why="seen", fingerprint=fingerprint)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()

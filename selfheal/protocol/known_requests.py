"""Which requests anybody knows: those of the request file, and those of `workflow_state`. Pruning asks this.

Where one of the two cannot be told, or the file has just lost most of what it held, nobody knows: nothing is pruned.
"""

from selfheal.model.errors import Transient
from selfheal.model.file_change import FileState
from selfheal.ports import KeptFile, RequestFile, WorkflowStore


class KnownRequests:
    """Tells the ids.

    Args:
        file: the request file.
        kept: the same, as something that is kept whole.
        workflows: `workflow_state`.
    """

    def __init__(self, file: RequestFile, kept: KeptFile, workflows: WorkflowStore) -> None:
        self._file = file
        self._kept = kept
        self._workflows = workflows

    def __call__(self) -> frozenset[str]:
        """All of them.

        Raises:
            Transient: the file or the database cannot be read, or the file is not whole.
            Permanent: nobody can tell how the file stands.
        """
        standing = self._kept.standing()
        if standing.state is not FileState.PRESENT:
            raise Transient(
                f"the request file is {standing.state}: whom it does not name may be known all the same",
                hint="restore it, or say that it is meant: `selfheal workflows accept --why ...`",
            )
        written = {entry.id for entry in self._file.read().entries}
        if not written:
            raise Transient("the request file names no request at all", hint="see whether it is the right file")
        return frozenset(written | {one.req_number for one in self._workflows.all()})

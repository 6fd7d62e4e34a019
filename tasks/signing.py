"""Every run of ours signs in with its process, so that `reconcile` can tell one whose process is gone.

It signs out with its error, if it failed: `selfheal status` shows what really ran, and how that ended.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

from prefect.runtime import flow_run

from selfheal.bootstrap import current
from selfheal.logs import without_secrets
from selfheal.model.errors import SelfhealError
from selfheal.protocol.holder import this_process

_log = logging.getLogger(__name__)


@contextmanager
def signed_in(mechanism: str) -> Iterator[UUID]:
    """Sign the current flow run in, and out at its end; gives its id. A run inside another needs no signature."""
    run_id = UUID(str(flow_run.id))
    if flow_run.parent_flow_run_id is not None:
        yield run_id
        return
    error = ""
    _say(lambda: current().runs.begin(run_id, mechanism, this_process()))
    try:
        yield run_id
    except Exception as failed:
        error = without_secrets(str(failed)) or type(failed).__name__
        raise
    finally:
        _say(lambda: current().runs.end(run_id, error=error))


def _say(write: Callable[[], None]) -> None:
    """Write if that is possible: a run without a signature is only never told to be lost."""
    try:
        write()
    except SelfhealError as error:
        _log.warning("this run is not signed in or out: %s", error)

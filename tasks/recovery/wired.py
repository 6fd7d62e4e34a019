"""What the steps of recovery need, of this process."""

from selfheal.bootstrap import current
from selfheal.model.errors import Permanent
from selfheal.protocol.recovery import Recovery


def recovery() -> Recovery:
    """That of this process's estate.

    Raises:
        Permanent: it has no workflows.
    """
    found = current().recovery
    if found is None:
        raise Permanent("there are no workflows", hint="name the request file in workflows.request_file")
    return found

"""How a workflow ended that the breaker of its agent had let through."""

from enum import StrEnum


class Ending(StrEnum):
    """All ways; `policy.endings` says which of them count."""

    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    DELIVERABLE_MISSING = "DELIVERABLE_MISSING"
    PUBLISH_FAILED = "PUBLISH_FAILED"
    REFUSED = "REFUSED"  # another limit did not let it begin, or the agent said no to the request
    CANCELLED = "CANCELLED"
    STOPPED_BY_PERSON = "STOPPED_BY_PERSON"

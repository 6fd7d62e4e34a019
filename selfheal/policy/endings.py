"""Which ends of a workflow say something about its agent. The store of breakers asks it."""

from selfheal.model.ending import Ending

_COUNTS = {
    Ending.COMPLETED: True,
    Ending.FAILED: False,
    Ending.TIMED_OUT: False,
    Ending.DELIVERABLE_MISSING: False,
    Ending.PUBLISH_FAILED: False,
}


def success_of(ending: Ending) -> bool | None:
    """Success, failure, or None: a refusal, a cancellation or a person's stop says nothing of the agent."""
    return _COUNTS.get(ending)

"""What a pattern of a log raises that has reached its threshold. Used by the store of logs and by replays."""

from collections.abc import Collection

from selfheal.model.log import LogPattern, LogSeverity, LogSource
from selfheal.model.trigger import Priority


def raises(pattern: LogPattern, source: LogSource, investigated: Collection[str]) -> bool:
    """Whether a trigger is raised: for what nothing mends a person is told, unless it is to be looked into as well."""
    return not pattern.tells or source.suspect(pattern.name) in investigated


def urgency(pattern: LogPattern) -> Priority:
    """How urgent the trigger is: a log only suggests, so that none is CRITICAL."""
    return Priority.HIGH if pattern.severity is LogSeverity.CRITICAL else Priority.MEDIUM

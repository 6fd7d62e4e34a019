"""What people look at, by areas; whether one has changed is told by its mark."""

from enum import StrEnum


class Area(StrEnum):
    """A part of what is shown that changes by itself."""

    ACTIONS = "actions"
    FAULTS = "faults"
    APPROVALS = "approvals"
    BREAKERS = "breakers"
    STANDING = "standing"  # pauses, maintenance, storms, modes, and whether anybody watches
    HEALTH = "health"  # how each component is, and whether that is still known
    ALERTS = "alerts"
    PREDICTIONS = "predictions"
    WORKFLOWS = "workflows"  # what their stores were found to say
    LOGS = "logs"  # errors, suspicions, gaps, and whether each log can be read

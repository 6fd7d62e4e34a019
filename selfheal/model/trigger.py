"""A typed, prioritised reason to heal."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Priority(StrEnum):
    """How urgent a trigger is."""

    CRITICAL = "CRITICAL"
    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"


class TriggerType(StrEnum):
    """What kind of reason it is."""

    SERVICE_DOWN = "SERVICE_DOWN"
    NATS_DOWN = "NATS_DOWN"
    CONTAINER_DOWN = "CONTAINER_DOWN"
    CONTAINER_CRASH_LOOP = "CONTAINER_CRASH_LOOP"
    CONTAINER_REMOVED = "CONTAINER_REMOVED"
    OBJECT_MISSING = "OBJECT_MISSING"
    FILE_DAMAGED = "FILE_DAMAGED"
    BREAKER_OPENED = "BREAKER_OPENED"
    STUCK_WORKFLOW = "STUCK_WORKFLOW"
    ESCALATED_WORKFLOW = "ESCALATED_WORKFLOW"
    BEHIND_ESCALATION = "BEHIND_ESCALATION"  # of the component that an escalated workflow complains of
    LOG_ERROR = "LOG_ERROR"  # a log suggests it; only the component's own look confirms it
    MOUNT_GONE = "MOUNT_GONE"
    CHECK_FAILED = "CHECK_FAILED"  # a command of the component's own says that something is missing
    MEMORY_HIGH = "MEMORY_HIGH"
    HOST_PRESSURE = "HOST_PRESSURE"  # memory, disk, processor or a critical file of a host
    EXTERNAL_ALERT = "EXTERNAL_ALERT"  # somebody else's alert; only the component's own look confirms it
    MECHANISM_LATE = "MECHANISM_LATE"  # of our own
    BREACH_FORETOLD = "BREACH_FORETOLD"  # a metric will reach its limit within the horizon
    MEMORY_PRESSURE = "MEMORY_PRESSURE"  # high for a while already, below the limit
    RESPONSE_RISING = "RESPONSE_RISING"  # it answers more slowly than a day ago
    ERRORS_SUSTAINED = "ERRORS_SUSTAINED"  # its log complains hour after hour
    STUCK_SOON = "STUCK_SOON"  # a workflow nears its stage's limit without anything new
    MANUAL = "MANUAL"


NOT_OF_HEALTH = frozenset({TriggerType.BREAKER_OPENED, TriggerType.BEHIND_ESCALATION})
"""Reasons that are not that the component is sick: it may look well, and be the cause of a fault all the same."""


PREEMPTIVE = frozenset(
    {
        TriggerType.BREACH_FORETOLD,
        TriggerType.MEMORY_PRESSURE,
        TriggerType.RESPONSE_RISING,
        TriggerType.ERRORS_SUSTAINED,
        TriggerType.STUCK_SOON,
    }
)
"""Reasons to act before anything is sick: predictions. Each stands while its prediction does."""


SUSPICIONS = frozenset({TriggerType.LOG_ERROR, TriggerType.EXTERNAL_ALERT, TriggerType.HOST_PRESSURE})
"""Reasons that only suggest what is wrong: what is seen at the component decides what may be done."""


class Source(StrEnum):
    """Who raised it."""

    WATCHER = "watcher"
    BREAKER = "breaker"
    RECOVERY = "recovery"
    LOG_MONITOR = "log-monitor"
    AGENT_HEALTH = "agent-health"
    INTAKE = "intake"
    OWN_HEALTH = "own-health"
    PREDICTIVE_HEALTH = "predictive-health"
    PERSON = "person"


@dataclass(frozen=True, kw_only=True)
class ForetoldMetric:
    """What a pre-emptive heal must know of the prediction for which it is done.

    Attributes:
        id: of the prediction.
        metric: which, with its unit, as `health_history` has it.
        value: what it was when it was foretold.
        well_below: the heal has helped when the metric is below this.
    """

    id: UUID
    metric: str
    value: float
    well_below: float


@dataclass(frozen=True, kw_only=True)
class Trigger:
    """A reason to heal one component.

    Attributes:
        id: client-made UUIDv7; admission is idempotent by it.
        type: what kind of reason.
        component: name of the component that is sick.
        action: a person's choice of action; empty: the component's ladder decides.
        source: who raised it.
        priority: how urgent.
        reason: why, for a person.
        detected_at: aware time at which the fault was seen first.
        who: the person who asks; empty where nobody does.
        approval: a person's word that it brings with it; None: where one is needed, it asks.
        foretold: the prediction for which it is raised, while nothing is sick; None: it is of no prediction.
    """

    id: UUID
    type: TriggerType
    component: str
    action: str = ""
    source: Source
    priority: Priority
    reason: str
    detected_at: datetime
    who: str = ""
    approval: UUID | None = None
    foretold: ForetoldMetric | None = None

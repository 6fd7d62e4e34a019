"""What the domain asks of the world: clients, probes, actions and the store fulfil these; bootstrap wires them."""

from selfheal.ports.actions import Action, Measure, Observe, Probe
from selfheal.ports.alerts import AlertChannel, AlertDeliveries, AlertOutbox, AlertSpool
from selfheal.ports.files import FileChanges, KeptFile
from selfheal.ports.hosts import HostClient, HostStore, Listener, LooksAtHost
from selfheal.ports.predicting import PredictionStore
from selfheal.ports.stores import AgentBreakers, HealStore, HealthStore, OwnMechanisms
from selfheal.ports.surroundings import Clock
from selfheal.ports.targets import BrokerClient, Changes, ContainerControl, EstateDatabase, HttpClient, ServiceControl
from selfheal.ports.within import ContainerInside, HostPaths, LocalProcesses, ReplicaSets
from selfheal.ports.workflows import (
    Deliverables,
    Escalations,
    OrphanedDeliverables,
    PrunedCopies,
    RequestFile,
    StageEvents,
    WorkflowStarts,
    WorkflowStore,
)

__all__ = [
    "Action",
    "AgentBreakers",
    "AlertChannel",
    "AlertDeliveries",
    "AlertOutbox",
    "AlertSpool",
    "BrokerClient",
    "Changes",
    "Clock",
    "ContainerControl",
    "ContainerInside",
    "Deliverables",
    "Escalations",
    "EstateDatabase",
    "FileChanges",
    "HealStore",
    "HealthStore",
    "HostClient",
    "HostPaths",
    "HostStore",
    "HttpClient",
    "KeptFile",
    "Listener",
    "LocalProcesses",
    "LooksAtHost",
    "Measure",
    "Observe",
    "OrphanedDeliverables",
    "OwnMechanisms",
    "PredictionStore",
    "Probe",
    "PrunedCopies",
    "ReplicaSets",
    "RequestFile",
    "ServiceControl",
    "StageEvents",
    "WorkflowStarts",
    "WorkflowStore",
]

"""Wires what reads, projects and prunes deliverables. Bootstrap, and what wires workflows, call it."""

from typing import Any

from sqlalchemy import Engine

from selfheal.clients.jetstream import JetStreamDeliverables
from selfheal.clients.jetstream_events import JetStreamEscalations
from selfheal.clients.jetstream_orphans import JetStreamOrphans
from selfheal.clients.jetstream_projection import JetStreamProjection
from selfheal.clients.request_file import RequestFile
from selfheal.protocol.known_requests import KnownRequests
from selfheal.settings.workflows import Workflows
from selfheal.store.delivered import DeliveredHistory
from selfheal.store.pruned import PrunedDeliverables
from selfheal.store.workflows import WorkflowStates


def access(workflows: Workflows) -> dict[str, Any]:
    """How the broker is reached."""
    return {"url": workflows.url, "credentials": workflows.credentials, "timeout": workflows.timeout}


def deliverables_of(workflows: Workflows, engine: Engine) -> JetStreamDeliverables:
    """What has been delivered, with what we pruned ourselves taken into account."""
    pruned = PrunedDeliverables(engine).subjects
    return JetStreamDeliverables(workflows.pipeline(), pruned=pruned, **access(workflows))


def escalations_of(workflows: Workflows) -> JetStreamEscalations:
    """Why agents escalate."""
    return JetStreamEscalations(workflows.escalations, **access(workflows))


def projection_of(workflows: Workflows, engine: Engine) -> JetStreamProjection:
    """What keeps the history of deliverables."""
    return JetStreamProjection(workflows.pipeline(), DeliveredHistory(engine), **access(workflows))


def orphans_of(workflows: Workflows, engine: Engine, *, file: RequestFile) -> JetStreamOrphans:
    """The deliverables that belong to no request."""
    pipeline = workflows.pipeline()
    known = KnownRequests(file, file, WorkflowStates(engine, pipeline))
    return JetStreamOrphans(pipeline, known, rest=workflows.prune_older, **access(workflows))

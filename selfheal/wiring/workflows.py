"""Wires what looks after workflows. Bootstrap calls it where the settings name a request file."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Engine

from selfheal.actions.recover_workflow import Workflows
from selfheal.clients.inside import in_container
from selfheal.ports import Clock, Deliverables, Escalations, Observe, RequestFile, WorkflowStore
from selfheal.protocol.healer import Healer
from selfheal.protocol.recovery import Recovery
from selfheal.protocol.workflow_looks import Paces, WorkflowLooks
from selfheal.settings.estate import Settings
from selfheal.store.disagreements import Disagreements
from selfheal.store.recoveries import Recoveries
from selfheal.store.stage_paces import StagePaces
from selfheal.store.storms import Storms
from selfheal.store.workflows import WorkflowStates
from selfheal.wiring.deliverables import deliverables_of, escalations_of

_QUIET = timedelta(minutes=30)
"""A storm of workflows outlives some missed turns: whoever let them be recovered need not say so again."""


@dataclass(frozen=True, kw_only=True)
class WorkflowPorts:
    """Where workflows are read and written.

    Attributes:
        file: the request file.
        states: `workflow_state`.
        deliverables: on JetStream.
        escalations: on JetStream.
        paces: how long stages usually take; None: as our starts tell.
    """

    file: RequestFile
    states: WorkflowStore
    deliverables: Deliverables
    escalations: Escalations
    paces: Paces | None = None


def ports_of(settings: Settings, engine: Engine, file: RequestFile | None) -> WorkflowPorts | None:
    """The real ones, as the settings say; None: they name no request file, and there are no workflows."""
    if file is None:
        return None
    wanted = settings.workflows
    return WorkflowPorts(
        file=file,
        states=WorkflowStates(engine, wanted.pipeline()),
        deliverables=deliverables_of(wanted, engine),
        escalations=escalations_of(wanted),
    )


def wire_workflows(
    settings: Settings, ports: WorkflowPorts, engine: Engine, *, observe: Observe, clock: Clock
) -> Workflows:
    """What the probe and the actions look through."""
    wanted = settings.workflows
    looks = WorkflowLooks(
        file=ports.file,
        states=ports.states,
        deliverables=ports.deliverables,
        escalations=ports.escalations,
        heals=Recoveries(engine),
        paces=ports.paces or StagePaces(engine),
        share=settings.prediction.stuck_share,
        observe=observe,
        components=settings.catalogue(),
        rules=wanted.rules(),
        pipeline=wanted.pipeline(),
        recoveries=wanted.recoveries,
        clock=clock,
    )
    return Workflows(looks=looks, file=ports.file, states=ports.states, deliverables=ports.deliverables)


def recovery_of(settings: Settings, workflows: Workflows, engine: Engine, *, healer: Healer) -> Recovery:
    """What the mechanisms of recovery need."""
    wanted, disagreements = settings.workflows, Disagreements(engine)
    pipeline = wanted.pipeline()
    return Recovery(
        looks=workflows.looks,
        file=workflows.file,
        states=workflows.states,
        pipeline=pipeline,
        deliverables=workflows.deliverables,
        heals=healer.store,
        counted=lambda orphans: disagreements.record_orphans(orphans, now=healer.clock.now(), pipeline=pipeline),
        book=Recoveries(engine),
        storms=Storms(engine),
        components=healer.components,
        observe=healer.observe,
        clock=healer.clock,
        at_most=wanted.changed_in_one_run,
        many_orphans=wanted.many_orphans,
        full_every=wanted.full_every,
        quiet=max(settings.healing.storm_quiet, _QUIET),
        services=wanted.host_services,
        on_host=wanted.host_mode == "yes" or (wanted.host_mode == "auto" and not in_container()),
    )

"""Wires what observes and heals: probes, actions, admission's store, leases. Bootstrap calls it."""

from sqlalchemy import Engine

from selfheal.actions.recover_workflow import Workflows
from selfheal.actions.table import Registry, Toolbox, build
from selfheal.model.component import ProbeKind
from selfheal.ports import Observe, Probe
from selfheal.probes.measure import Measurer
from selfheal.probes.observe import Observer
from selfheal.probes.table import probe_table
from selfheal.probes.workflow import WorkflowProbe
from selfheal.protocol.healer import Healer
from selfheal.protocol.host_watch import HostWatch
from selfheal.protocol.leases import Leases
from selfheal.settings.estate import Settings
from selfheal.store.heals import Heals
from selfheal.store.pruned import PrunedDeliverables
from selfheal.wiring.clients import Clients
from selfheal.wiring.workflows import WorkflowPorts, wire_workflows


def observer_of(
    settings: Settings,
    clients: Clients,
    engine: Engine,
    *,
    host: HostWatch,
    ports: WorkflowPorts | None,
) -> tuple[Observer, Workflows | None]:
    """What looks at components, and what looks at workflows, through one another; None: there are none."""
    inner, clock = clients.inner, clients.clock
    probes: dict[ProbeKind, Probe] = dict(
        probe_table(
            http=clients.http,
            broker=clients.broker,
            clock=clock,
            databases=clients.databases,
            request_file=clients.request_file,
            orphans=clients.orphans,
            insides=inner.insides,
            processes=inner.processes,
            paths=inner.paths,
            host=host,
        )
    )
    observer = Observer(controls=clients.controls, containers=clients.containers, probes=probes, clock=clock)
    if ports is None:
        return observer, None
    workflows = wire_workflows(settings, ports, engine, observe=observer, clock=clock)
    probes[ProbeKind.WORKFLOW] = WorkflowProbe(workflows.looks, clock)
    return observer, workflows


def healer_of(settings: Settings, store: Heals, actions: Registry, clients: Clients, *, observe: Observe) -> Healer:
    """What the protocol of a heal needs."""
    return Healer(
        components=settings.catalogue(),
        allow=settings.healing.allow,
        actions=actions,
        store=store,
        observe=observe,
        leases=Leases(store, lease=settings.healing.lease),
        clock=clients.clock,
        preempting=settings.prediction.preempting(),
        measure=Measurer(clients.containers),
    )


def actions_of(
    settings: Settings,
    clients: Clients,
    engine: Engine,
    *,
    observe: Observe,
    workflows: Workflows | None,
) -> Registry:
    """Every action, shipped or of installed packages.

    Raises:
        Permanent: the settings give a mode to an action that does not exist.
    """
    inner = clients.inner
    return build(
        Toolbox(
            controls=clients.controls,
            observe=observe,
            broker=clients.broker,
            http=clients.http,
            clock=clients.clock,
            containers=clients.containers,
            databases=clients.databases,
            migrations=settings.allowed_sql(),
            request_file=clients.request_file,
            orphans=clients.orphans,
            copies=None if clients.orphans is None else PrunedDeliverables(engine),
            workflows=workflows,
            insides=inner.insides,
            processes=inner.processes,
            paths=inner.paths,
            replicas=inner.replicas,
            sets=inner.sets,
            modes={name: one.mode for name, one in settings.actions.items()},
            ahead=dict(settings.prediction.preempt.actions),
        )
    )

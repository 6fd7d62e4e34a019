"""Wires what starts workflows and what keeps their states. Bootstrap calls it where there is a request file."""

from functools import partial
from importlib.metadata import entry_points

from sqlalchemy import Engine

from selfheal.clients.jetstream_events import JetStreamEvents
from selfheal.model.errors import Permanent
from selfheal.policy.catalogue import ALLOWED_AS
from selfheal.ports import AgentBreakers, Clock, RequestFile, StageEvents
from selfheal.protocol.comparing import Sources
from selfheal.protocol.keeping import WHO, Keeping
from selfheal.protocol.starting import Starting
from selfheal.settings.estate import Settings
from selfheal.settings.workflows import Workflows
from selfheal.store.delivered import DeliveredHistory
from selfheal.store.disagreements import Disagreements
from selfheal.store.file_changes import FileChangeRows
from selfheal.store.pruned import PrunedDeliverables
from selfheal.store.workflow_starts import WorkflowStarts
from selfheal.store.workflows import WorkflowStates
from selfheal.wiring.deliverables import access, deliverables_of, projection_of

_PROJECTED, _PROJECTING_S = 20_000, 30.0
"""So much of the history is taken in one run at most; the rest follows in the next."""
GROUP = "selfheal.workflow_starters"
"""Entry points of other packages: one, called with the section `workflows` of the settings, gives a
`ports.StageEvents` that starts stages in place of the event on JetStream."""


def starting_of(
    settings: Settings, engine: Engine, *, file: RequestFile, breakers: AgentBreakers, clock: Clock
) -> Starting:
    """What workflow-admission needs.

    Raises:
        Permanent: two packages want to start workflows, or the one cannot be loaded.
    """
    wanted = settings.workflows
    return Starting(
        file=file,
        states=WorkflowStates(engine, wanted.pipeline()),
        starts=WorkflowStarts(engine, at_once=wanted.at_once),
        deliverables=deliverables_of(wanted, engine),
        events=_starter(wanted),
        breakers=breakers,
        clock=clock,
        pipeline=wanted.pipeline(),
        at_once=wanted.at_once,
        allowed=ALLOWED_AS in settings.healing.allow,
    )


def keeping_of(settings: Settings, engine: Engine, *, file: RequestFile, clock: Clock) -> Keeping:
    """What workflow-persistence needs. Which runs claim a workflow is for who knows Prefect."""
    wanted, store = settings.workflows, Disagreements(engine)
    delivered, pruned = DeliveredHistory(engine), PrunedDeliverables(engine)
    sources = Sources(
        file=file,
        deliverables=deliverables_of(wanted, engine),
        states=WorkflowStates(engine, wanted.pipeline()),
        written=FileChangeRows(engine).written,
        runs=lambda: None,
        pipeline=wanted.pipeline(),
        clock=clock,
    )
    return Keeping(
        sources=sources,
        starts=WorkflowStarts(engine, at_once=wanted.at_once),
        record=lambda stores, compared, settled: store.record(stores, compared, settled, mechanism=WHO),
        project=partial(projection_of(wanted, engine).project, limit=_PROJECTED, seconds=_PROJECTING_S),
        forget=lambda older: sum(forget(older) for forget in (store.forget, delivered.forget, pruned.forget)),
        at_most=wanted.changed_in_one_run,
        keep=wanted.keep_complete,
        allowed=ALLOWED_AS in settings.healing.allow,
    )


def _starter(wanted: Workflows) -> StageEvents:
    """The one that another package brings, else the event on JetStream."""
    plugins = sorted(entry_points(group=GROUP), key=lambda one: one.name)
    if not plugins:
        return JetStreamEvents(wanted.pipeline(), wanted.events, **access(wanted))
    if len(plugins) > 1:
        names = ", ".join(f"{one.name} ({one.value})" for one in plugins)
        raise Permanent(f"several packages want to start workflows: {names}", hint="uninstall all but one of them")
    try:
        starter: StageEvents = plugins[0].load()(wanted)
    except Exception as error:
        raise Permanent(
            f"{plugins[0].name} ({plugins[0].value}), which starts workflows, cannot be loaded: {error}",
            hint="repair or uninstall its package",
        ) from error
    return starter

"""Wires predictive-health. Bootstrap calls it."""

from sqlalchemy import Engine

from selfheal.actions.recover_workflow import Workflows
from selfheal.ports import Clock
from selfheal.protocol.predicting import Predicting
from selfheal.protocol.soon_stuck import SoonStuck
from selfheal.settings.estate import Settings
from selfheal.store.predictions import Predictions


def predicting_of(settings: Settings, engine: Engine, workflows: Workflows | None, *, clock: Clock) -> Predicting:
    """What predictive-health needs, as the settings say."""
    wanted, rules = settings.prediction, settings.prediction.rules()
    stuck = None
    if workflows is not None:
        stuck = SoonStuck(
            looks=workflows.looks,
            pipeline=settings.workflows.pipeline(),
            share=rules.stuck_share,
            at_most=settings.workflows.changed_in_one_run,
        )
    return Predicting(
        store=Predictions(engine),
        rules=rules,
        components=settings.catalogue(),
        limits=wanted.limits,
        healable=frozenset(settings.healing.allow),
        preempting=wanted.preempting(),
        workflows=stuck,
        clock=clock,
    )

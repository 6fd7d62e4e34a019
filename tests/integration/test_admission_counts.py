"""The fault of a storm counts its admitted attempts, however many triggers raced for them."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, text
from uuid6 import uuid7

from selfheal.model.admission import Limits, Place, Rung
from selfheal.model.observation import Health, Observation
from selfheal.model.trigger import Priority, Source, Trigger, TriggerType
from selfheal.store.heals import Heals

MINUTE = timedelta(minutes=1)
RACERS = 16


def test_a_storm_on_several_targets_counts_one_attempt_each(empty: Engine) -> None:
    """Who lost the race under the lock takes its count back; every answer has its decision."""
    heals = Heals(empty, Limits(lease=MINUTE))
    start = threading.Barrier(RACERS)

    def one(number: int) -> None:
        component = f"racer-{number % 4}"
        start.wait()
        heals.admit(
            Trigger(
                id=uuid7(),
                type=TriggerType.SERVICE_DOWN,
                component=component,
                action="restart-service",
                source=Source.WATCHER,
                priority=Priority.CRITICAL,
                reason="the storm",
                detected_at=datetime.now(UTC),
            ),
            place=Place(target=f"supervisor/demo/{component}"),
            rungs=[Rung(action="restart-service", action_type="RESTART_SERVICE")],
            observation=Observation(component=component, health=Health.SICK, detail="", observed_at=datetime.now(UTC)),
            refusal=None,
        )

    with ThreadPoolExecutor(RACERS) as pool:
        list(pool.map(one, range(RACERS * 5)))
    with empty.connect() as connection:
        assert list(connection.scalars(text("SELECT attempts FROM faults"))) == [1, 1, 1, 1]
        unanswered = "SELECT count(*) FROM trigger_answers a LEFT JOIN healing_triggers t ON t.id = a.decision_id"
        assert connection.scalar(text(unanswered)) == RACERS * 5
        assert connection.scalar(text(f"{unanswered} WHERE t.id IS NULL")) == 0

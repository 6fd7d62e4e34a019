"""restart-database: only what is silent is restarted, and only through its keeper."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from fakes import NOON, FakeBroker, FakeClock, FakeControl, FakeDatabase, FakeHttp, always

from selfheal.actions.table import Toolbox, build
from selfheal.model.component import Component, ProbeKind
from selfheal.model.errors import NotAllowed, Permanent, TargetChanged, Transient
from selfheal.model.observation import Health
from selfheal.model.trigger import Priority, Source, Trigger, TriggerType
from selfheal.ports import Action

POSTGRES = Component(
    name="postgres",
    target="supervisor/demo/postgres",
    probe=ProbeKind.SQL,
    supervisor="demo",
    program="postgres",
    database="agents",
    ladder=("restart-database",),
    probe_timeout=timedelta(seconds=1),
)
SILENT = Transient("the database does not answer: refused")
STARTING = Permanent("the database takes no connections now: it starts, recovers or stops")
FULL = Permanent("the database answers, and does not let us in: too many clients")


def action(database: FakeDatabase, control: FakeControl) -> Action:
    tools = Toolbox(
        controls={"demo": control},
        observe=always(Health.HEALTHY),
        http=FakeHttp(200),
        broker=FakeBroker(1),
        clock=FakeClock(),
        databases={"agents": database},
    )
    return build(tools).get("restart-database")


def trigger(kind: TriggerType) -> Trigger:
    return Trigger(
        id=uuid4(),
        type=kind,
        component="postgres",
        source=Source.WATCHER,
        priority=Priority.HIGH,
        reason="",
        detected_at=NOON,
    )


def test_a_silent_database_is_restarted_by_its_keeper() -> None:
    """The plan says what was asked and keeps the log; the act is the keeper's stop and start."""
    control = FakeControl(postgres="RUNNING")
    restart = action(FakeDatabase(SILENT), control)
    plan = restart.prepare(POSTGRES)
    assert (plan.evidence["database"], plan.evidence["log"]) == (SILENT.message, "one line\n")
    assert plan.steps[0] == f"{SILENT.message}: restart it"
    assert restart.commit(POSTGRES, plan) == "restarted postgres"
    assert control.calls == ["stop postgres", "start postgres"]
    assert restart.validate(POSTGRES).health is Health.HEALTHY
    assert "as it was found" in restart.rollback(POSTGRES, plan)


@pytest.mark.parametrize("said", [1, STARTING, FULL])
def test_a_database_that_answers_is_not_restarted(said: int | Exception) -> None:
    """Neither in `prepare` nor right before the act, whatever its answer is."""
    control = FakeControl(postgres="RUNNING")
    with pytest.raises(NotAllowed, match="not restarted"):
        action(FakeDatabase(said), control).prepare(POSTGRES)
    late = action(FakeDatabase(SILENT, said), control)
    plan = late.prepare(POSTGRES)
    with pytest.raises(TargetChanged, match="not restarted"):
        late.commit(POSTGRES, plan)
    assert control.calls == []


@pytest.mark.parametrize(
    ("kind", "component", "fits"),
    [
        (TriggerType.SERVICE_DOWN, POSTGRES, True),
        (TriggerType.CONTAINER_DOWN, replace(POSTGRES, supervisor="", program="", container="pg", docker="d"), True),
        (TriggerType.MANUAL, POSTGRES, True),
        (TriggerType.EXTERNAL_ALERT, POSTGRES, True),
        (TriggerType.LOG_ERROR, POSTGRES, True),
        (TriggerType.OBJECT_MISSING, POSTGRES, False),
        (TriggerType.CONTAINER_CRASH_LOOP, POSTGRES, False),
        (TriggerType.SERVICE_DOWN, replace(POSTGRES, supervisor="", program=""), False),
        (TriggerType.SERVICE_DOWN, replace(POSTGRES, probe=ProbeKind.HTTP), False),
    ],
)
def test_it_fits_a_kept_database_that_is_down(kind: TriggerType, component: Component, *, fits: bool) -> None:
    """One that nobody keeps cannot be restarted, and a missing object is none of its reasons."""
    assert action(FakeDatabase(), FakeControl()).can_handle(trigger(kind), component) is fits

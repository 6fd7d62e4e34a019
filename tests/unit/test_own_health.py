"""What `selfheal up` does about its own mechanisms: whom it tells, which part it starts anew, and how often."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from deployments.own_health import LATE_FOR_S, PATIENCE_S, RESTART_AT_MOST_EVERY_S, OwnHealth
from deployments.scheduled import Scheduled
from selfheal.model.health import Watch
from selfheal.model.trigger import Trigger
from selfheal.model.turn import Mechanism, Turn

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
EVERY = timedelta(minutes=5)
NAMES = ("circuit-breaker", "reconcile")


def ran(name: str, *, ago_minutes: float) -> Mechanism:
    began = NOW - timedelta(minutes=ago_minutes)
    turn = Turn(
        mechanism=name,
        began_at=began,
        ended_at=began,
        done_began_at=began,
        done_ended_at=began,
        error="",
        at=NOW,
    )
    return Mechanism(turn=turn, every=EVERY, since=NOW - timedelta(days=1))


@dataclass(kw_only=True)
class Stack:
    """What is looked at, and what is done about it; fulfils `ports.OwnMechanisms`."""

    late: frozenset[str] = frozenset()
    unplanned: tuple[str, ...] = ()
    runs: int = 20
    behind_s: float = 1.0
    is_ready: bool = True
    logs: bool = False
    time: float = 1000.0
    told: set[str] = field(default_factory=set)
    restarted: list[str] = field(default_factory=list)
    own: OwnHealth = field(init=False)

    def __post_init__(self) -> None:
        self.own = OwnHealth(
            mechanisms=self,
            watches=self.watches,
            logs=lambda: self.logs,
            ready=lambda: self.is_ready,
            planned=lambda: Scheduled(wanted=NAMES, without=self.unplanned, runs=self.runs),
            restart=self.restarted.append,
            now=lambda: self.time,
        )

    def all(self) -> list[Mechanism]:
        return [ran(name, ago_minutes=60 if name in self.late else 1) for name in (*NAMES, "heartbeat")]

    def tell_late(self, name: str, trigger: Trigger) -> bool:
        assert trigger.reason
        new = name not in self.told
        self.told.add(name)
        return new

    def tell_well(self, name: str) -> bool:
        known = name in self.told
        self.told.discard(name)
        return known

    def leave(self, expected: Collection[str]) -> None:
        self.told &= set(expected)

    def watches(self) -> list[Watch]:
        return [
            Watch(mechanism="application-health", run_id=uuid4(), began_at=NOW, beat_at=NOW, behind_s=self.behind_s)
        ]

    def passes(self, seconds: float) -> None:
        """Look every half minute meanwhile."""
        end = self.time + seconds
        while self.time < end:
            self.own.look()
            self.time += 30
        self.own.look()


def test_one_late_mechanism_is_told_and_restarts_nothing() -> None:
    """A person hears of it, and that it runs again; the others run, so that no part is to blame."""
    stack = Stack(late=frozenset({"reconcile"}))
    stack.passes(PATIENCE_S + 2 * LATE_FOR_S)
    assert (stack.told, stack.restarted) == ({"reconcile"}, [])
    stack.late = frozenset()
    stack.own.look()
    assert stack.told == set()


def test_where_nothing_runs_the_worker_is_started_anew_once_an_hour() -> None:
    """After patience; what that does not mend is a person's: no loop of restarts."""
    stack = Stack(late=frozenset(NAMES))
    stack.passes(PATIENCE_S + LATE_FOR_S - 60)
    assert stack.restarted == []
    stack.passes(RESTART_AT_MOST_EVERY_S - 60)
    assert stack.restarted == ["worker"]
    stack.passes(120)
    assert stack.restarted == ["worker", "worker"]


def test_where_no_run_is_scheduled_the_prefect_server_is() -> None:
    """Its scheduler is to blame, and a person is told which deployments have no runs."""
    stack = Stack(late=frozenset(NAMES), unplanned=NAMES, runs=0)
    stack.passes(PATIENCE_S + 2 * LATE_FOR_S)
    assert stack.restarted == ["prefect"]
    assert stack.told == {*NAMES, "scheduler"}


def test_a_stack_that_is_not_ready_is_not_restarted_and_told_of_all_the_same() -> None:
    """The supervisor is at it already; people hear what is late, and that nothing watches."""
    stack = Stack(late=frozenset(NAMES), is_ready=False, behind_s=500)
    stack.passes(PATIENCE_S + 2 * LATE_FOR_S)
    assert (stack.told, stack.restarted) == ({*NAMES, "application-health"}, [])


def test_a_person_hears_of_logs_that_nobody_follows() -> None:
    """Although log-monitor has never watched; where the settings name no logs any more, that is over."""
    stack = Stack(logs=True)
    stack.passes(PATIENCE_S)
    assert stack.told == {"log-monitor"}
    stack.logs = False
    stack.own.look()
    assert stack.told == set()


def test_a_machine_that_slept_restarts_nothing() -> None:
    """All is late for a moment, and runs again soon after."""
    stack = Stack()
    stack.passes(PATIENCE_S)
    stack.late = frozenset(NAMES)
    stack.passes(LATE_FOR_S - 60)
    stack.late = frozenset()
    stack.passes(600)
    assert (stack.told, stack.restarted) == (set(), [])

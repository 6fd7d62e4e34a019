"""When a new watcher is begun, and when not."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

from deployments.watchkeeper import PATIENCE_S, SILENT_S, WatchKeeper
from selfheal.model.health import Watch


@dataclass(kw_only=True)
class Stack:
    """What the keeper sees, and what it begins."""

    behind_s: float | None = 0.0
    is_ready: bool = True
    time: float = 1000.0
    begun: int = 0
    logs: bool = False
    others: list[str] = field(default_factory=list)
    keeper: WatchKeeper = field(init=False)

    def __post_init__(self) -> None:
        self.keeper = WatchKeeper(
            watches=self.watches,
            logs=lambda: self.logs,
            ready=lambda: self.is_ready,
            begin=self.begin,
            now=lambda: self.time,
        )

    def watches(self) -> list[Watch]:
        if self.behind_s is None:
            return []
        now = datetime.now(UTC)
        return [
            Watch(mechanism="application-health", run_id=uuid4(), began_at=now, beat_at=now, behind_s=self.behind_s)
        ]

    def begin(self, name: str) -> None:
        if name != "application-health":
            self.others.append(name)
            return
        self.begun += 1


def test_logs_that_nobody_follows_are_followed() -> None:
    """Where the settings name logs log-monitor is begun too, although it has never watched; else it is not missed."""
    stack = Stack()
    stack.keeper.look()
    assert stack.others == []
    stack.logs = True
    stack.keeper.look()
    assert stack.others == [], "the reload that named them has begun a run"
    stack.time += PATIENCE_S
    stack.keeper.look()
    stack.keeper.look()
    assert (stack.begun, stack.others) == (0, ["log-monitor"])


def test_a_silent_watcher_is_replaced_once_and_again_when_that_does_not_watch() -> None:
    """One run is begun for a silent watcher; another one only when the first has had time and nothing watches."""
    stack = Stack(behind_s=SILENT_S + 1)
    stack.keeper.look()
    stack.keeper.look()
    assert stack.begun == 1
    stack.time += PATIENCE_S
    stack.keeper.look()
    assert stack.begun == 2


def test_a_watcher_that_beats_is_left_alone() -> None:
    """Nothing is begun while something watches; its later silence is seen without the patience of an earlier start."""
    stack = Stack(behind_s=SILENT_S)
    stack.keeper.look()
    assert stack.begun == 0
    stack.behind_s = SILENT_S + 1
    stack.keeper.look()
    assert stack.begun == 1


def test_a_stack_that_has_just_become_ready_begins_its_watcher_itself() -> None:
    """While a part is away nothing is begun, and the watcher of the worker's start has time to come; also the first."""
    stack = Stack(behind_s=None, is_ready=False)
    stack.keeper.look()
    stack.is_ready = True
    stack.keeper.look()
    assert stack.begun == 0
    stack.time += PATIENCE_S
    stack.keeper.look()
    assert stack.begun == 1


def test_each_watcher_is_kept_for_itself() -> None:
    """One that beats hides no other one that is silent; of one that never watched nothing is expected but the first."""
    now, begun = datetime.now(UTC), list[str]()
    behind = {"application-health": 0.0, "log-monitor": SILENT_S + 1}
    keeper = WatchKeeper(
        watches=lambda: [
            Watch(mechanism=name, run_id=uuid4(), began_at=now, beat_at=now, behind_s=one)
            for name, one in behind.items()
        ],
        logs=lambda: False,
        ready=lambda: True,
        begin=begun.append,
        now=lambda: 1000.0,
    )
    keeper.look()
    del behind["log-monitor"]
    keeper.look()
    assert begun == ["log-monitor"]

"""One run of the watcher in a world that a script plays: what it raises, what it leaves alone, when it ends.

Time is a fake that moves a millisecond whenever somebody looks at it; each test says after how many sweeps it is over.
"""

import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from fakes import NOON, FakeClock

from selfheal.model.admission import Answer, Decision
from selfheal.model.attempt import Holder
from selfheal.model.component import Component, ProbeKind
from selfheal.model.errors import SelfhealError, Transient
from selfheal.model.health import ComponentHealth, HealthStatus, Measured
from selfheal.model.observation import Health, Incarnation, Observation
from selfheal.model.trigger import Priority, Source, Trigger, TriggerType
from selfheal.protocol.heal import Result
from selfheal.watch.watcher import Pace, Summary, Watcher, World

pytestmark = pytest.mark.timeout(30)

PACE = Pace(sweep=timedelta(milliseconds=8), strikes=3, recoveries=2, reconcile=timedelta(milliseconds=1), at_once=4)
AWAY = Transient("the database does not answer")
HEALTHY, SICK, UNKNOWN = Health.HEALTHY, Health.SICK, Health.UNKNOWN
HEALED = Result(answer=Answer(decision=Decision.ADMITTED, reason="restart-service on backend"))


class TickingClock(FakeClock):
    """Time that also passes by looking at it, so that a loop which waits for a time gets there."""

    def monotonic(self) -> float:
        self.seconds += 0.001
        return self.seconds


class Stage:
    """A world of components, a database and a dispatcher, played by a script; also `HealStore` and `HealthStore`.

    Attributes:
        shows: what each component looks like from now on.
        before: what to do before a sweep, by its number from 1.
        dispatch: what a trigger meets; a test may set its own.
        glance: what one look after an exit sees; a test may set its own.
        away: what the database raises while it is away.
    """

    def __init__(self, *names: str, sweeps: int, probe: ProbeKind = ProbeKind.HTTP) -> None:
        self.components = {name: Component(name=name, target=f"supervisor/demo/{name}", probe=probe) for name in names}
        self.shows = dict.fromkeys(names, self.look(HEALTHY))
        self.before: dict[int, Callable[[], object]] = {}
        self.dispatch: Callable[[Trigger], Result] = lambda _: HEALED
        self.glance: Callable[[Component], Observation] = self.observe
        self.away: SelfhealError | None = None
        self.open_faults: set[str] = set()
        self.stopped: set[str] = set()
        self.clock = TickingClock()
        self.raised: list[Trigger] = []
        self.recorded: list[Sequence[ComponentHealth]] = []
        self.further: list[Sequence[Measured]] = []
        self.closed: list[str] = []
        self.events: list[str] = []
        self.noted: list[Trigger] = []
        self.holds: frozenset[str] = frozenset()
        self.overtaken = False
        self.by_breakers: list[Trigger] = []
        self.turns = 0
        self.swept = 0
        self.watching: UUID | None = None
        self.on_begin: Callable[[], object] = lambda: None
        self.reconcile: Callable[[], object] = lambda: None
        self.tell: Callable[[], object] = lambda: None
        self._sweeps = sweeps
        self.watcher = self.another_watcher()

    def another_watcher(self, pace: Pace = PACE) -> Watcher:
        """One over the components as they are by now."""
        world = World(
            components=self.components,
            observe=self._glance,
            observe_all=self.observe_all,
            heals=self,  # type: ignore[arg-type] # what a watcher asks of it
            health=self,  # type: ignore[arg-type]
            dispatch=self._dispatch,
            reconcile=self._turn,
            note=self.noted.append,
            holds=lambda: self.holds,
            raised=self._by_breakers,
            tell=self._tell,
            overtaken=lambda: self.overtaken,
            clock=self.clock,
            holder=Holder(host="here", pid=1, started=1),
        )
        return Watcher(world, pace, run_id=uuid4())

    def run(self) -> Summary:
        return self.watcher.run()

    def _tell(self) -> None:
        self.tell()

    def _by_breakers(self) -> list[Trigger]:
        """Each is due once."""
        due, self.by_breakers = self.by_breakers, []
        return due

    def turn_is_over(self) -> None:
        """Wait until the last turn of reconcile has ended."""
        turn = self.watcher._turns._last
        assert turn is not None
        turn.result(timeout=20)

    def heal_is_over(self, name: str = "backend") -> None:
        """Wait until the last heal of a component has ended and been noted."""
        heal = self.watcher._seen[name].heal
        assert heal is not None
        heal.result(timeout=20)

    def look(self, health: Health, state: str = "", *, pid: int = 0) -> Observation:
        life = Incarnation(pid=pid, started_at=1, state=state) if state else None
        return Observation(component="", health=health, detail=health.value, observed_at=NOON, incarnation=life)

    def show(self, health: Health, state: str = "", *, name: str = "backend") -> None:
        self.shows[name] = self.look(health, state)

    def now(self) -> datetime:
        return self.clock.now()

    # -- what the watcher calls

    def observe(self, component: Component) -> Observation:
        return replace(self.shows[component.name], component=component.name, observed_at=self.now())

    def observe_all(self, components: Sequence[Component]) -> Sequence[Observation]:
        self.swept += 1
        self.before.get(self.swept, lambda: None)()
        self.events.append("sweep")
        return [self.observe(one) for one in components]

    def _glance(self, component: Component) -> Observation:
        return self.glance(component)

    def _dispatch(self, trigger: Trigger) -> Result:
        self.raised.append(trigger)
        return self.dispatch(trigger)

    def _turn(self) -> None:
        self.turns += 1
        self.reconcile()

    def record(self, health: Sequence[ComponentHealth], further: Sequence[Measured] = ()) -> None:
        if self.swept >= self._sweeps:
            self.watcher.stop()
        self._answer()
        self.recorded.append(health)
        self.further.append(further)

    def begin_watch(self, mechanism: str, run_id: UUID, holder: Holder) -> None:  # noqa: ARG002
        self._answer()
        self.events.append("begin")
        self.watching = run_id
        self.on_begin()

    def beat(self, mechanism: str, run_id: UUID) -> bool:  # noqa: ARG002
        self._answer()
        return self.watching == run_id

    def has_open_fault(self, target: str) -> bool:
        self._answer()
        return target in self.open_faults

    def stopped_by_us(self, target: str) -> bool:
        self._answer()
        return target in self.stopped

    def close_recovered(self, target: str, *, seen_at: datetime, except_of: Collection[str] = ()) -> bool:  # noqa: ARG002
        assert seen_at.tzinfo is not None
        self._answer()
        self.closed.append(target)
        return True

    def _answer(self) -> None:
        if self.away is not None:
            raise self.away


def refused(decision: Decision, *, retry_at: datetime | None = None) -> Result:
    return Result(answer=Answer(decision=decision, reason="no", retry_at=retry_at))


def test_a_third_strike_raises_a_trigger() -> None:
    """Two sick sweeps raise nothing; the third one does, with the time of the first."""
    stage = Stage("backend", sweeps=2)
    stage.show(SICK)
    assert stage.run() == Summary(sweeps=2, raised=0, handed_over=False)
    stage = Stage("backend", sweeps=3)
    stage.show(SICK)
    first: list[datetime] = []
    stage.before = {1: lambda: first.append(stage.now()), 2: lambda: first.append(stage.now())}
    assert stage.run().raised == 1
    (trigger,) = stage.raised
    assert (trigger.component, trigger.type) == ("backend", TriggerType.SERVICE_DOWN)
    assert first[0] <= trigger.detected_at < first[1]
    assert [rows[0].status for rows in stage.recorded] == [
        HealthStatus.DEGRADED,
        HealthStatus.DEGRADED,
        HealthStatus.DOWN,
    ]


def test_what_is_not_watched_is_looked_at_while_its_fault_is_open() -> None:
    """No sweep makes the costly look; once a trigger has opened its fault, one a minute sees how that goes on."""
    stage = Stage("backend", "modules", sweeps=30)
    stage.components["modules"] = replace(stage.components["modules"], watched=False)
    stage.watcher = stage.another_watcher()
    stage.run()
    assert {row.component for rows in stage.recorded for row in rows} == {"backend"}
    stage = Stage("backend", "modules", sweeps=30)
    stage.components["modules"] = replace(stage.components["modules"], watched=False)
    stage.open_faults = {stage.components["modules"].target}
    stage.watcher = stage.another_watcher()
    stage.run()
    looks = [row.component for rows in stage.recorded for row in rows].count("modules")
    assert 1 <= looks < 30


def test_a_part_of_a_dead_container_is_left_to_the_container() -> None:
    """Both are sick; one trigger is raised, by the component that is the whole."""
    stage = Stage("backend", "modules", sweeps=5)
    kept = {"target": "docker/web", "docker": "docker", "container": "web"}
    stage.components = {
        "backend": Component(name="backend", probe=ProbeKind.CONTAINER, ladder=("restart-container",), **kept),  # type: ignore[arg-type]
        "modules": Component(name="modules", probe=ProbeKind.COMMAND, ladder=("investigate",), **kept),  # type: ignore[arg-type]
    }
    stage.watcher = stage.another_watcher()
    for name in stage.components:
        stage.show(SICK, "EXITED", name=name)
    stage.run()
    assert {one.component for one in stage.raised} == {"backend"}


def test_after_a_reload_nothing_is_raised_by_the_earlier_settings() -> None:
    """The watcher looks on and writes down, and ends when nobody takes over in time; what breakers raised waits."""
    stage = Stage("backend", sweeps=1_000_000)
    stage.overtaken = True
    stage.show(SICK, "EXITED")
    stage.by_breakers = [Trigger(
        id=uuid4(), type=TriggerType.BREAKER_OPENED, component="backend", source=Source.BREAKER,
        priority=Priority.HIGH, reason="its breaker has opened", detected_at=NOON,
    )]  # fmt: skip
    done = stage.run()
    assert (done.raised, done.handed_over, stage.raised) == (0, False, [])
    assert done.sweeps > 1
    assert len(stage.recorded) == done.sweeps
    assert len(stage.by_breakers) == 1


def test_strikes_are_in_a_row() -> None:
    """A healthy look between sick ones begins the count anew; one that could not tell does not."""
    stage = Stage("backend", sweeps=4)
    stage.show(SICK)
    stage.before = {3: lambda: stage.show(HEALTHY), 4: lambda: stage.show(SICK)}
    assert stage.run().raised == 0
    stage = Stage("backend", sweeps=4)
    stage.show(SICK)
    stage.before = {3: lambda: stage.show(UNKNOWN), 4: lambda: stage.show(SICK)}
    assert stage.run().raised == 1


def test_a_process_that_ended_needs_no_second_look() -> None:
    """EXITED in a sweep is a fact: the trigger is raised by that sweep."""
    stage = Stage("backend", sweeps=1)
    stage.show(SICK, "EXITED")
    assert stage.run().raised == 1


def test_a_sick_broker_is_named_by_its_kind() -> None:
    """What a NATS probe watches is raised as NATS_DOWN, so that its own action fits."""
    stage = Stage("broker", sweeps=1, probe=ProbeKind.NATS)
    stage.show(SICK, "FATAL", name="broker")
    stage.run()
    assert [one.type for one in stage.raised] == [TriggerType.NATS_DOWN]


def test_an_exit_is_seen_between_sweeps() -> None:
    """A process that ends after the first sweep raises a trigger without a second one.

    It is killed in the moment in which this run says that it watches: exits are watched by then.
    """
    stage = Stage("backend", sweeps=1_000_000)
    stage.watcher = stage.another_watcher(replace(PACE, sweep=timedelta(hours=1)))
    with subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE) as child:
        stage.shows["backend"] = stage.look(HEALTHY, "RUNNING", pid=child.pid)

        reaping = stage.look(SICK, "RUNNING", pid=child.pid)
        looks = iter([reaping, reaping])

        def glance(component: Component) -> Observation:
            return replace(next(looks, stage.look(SICK, "EXITED")), component=component.name)

        def dispatch(_: Trigger) -> Result:
            stage.watcher.stop()
            return HEALED

        stage.glance, stage.on_begin, stage.dispatch = glance, child.kill, dispatch
        assert stage.run() == Summary(sweeps=1, raised=1, handed_over=False)
    assert len(stage.clock.waits) == 2


def test_sweeps_go_on_beside_a_heal_and_raise_no_second_trigger() -> None:
    """While a dispatch is under way the component is swept, recorded and not raised again."""
    stage = Stage("backend", "frontend", sweeps=20)
    stage.show(SICK)
    go_on = threading.Event()
    stage.before = {20: go_on.set}  # a sweep that waited for the dispatch would never come here

    def dispatch(_: Trigger) -> Result:
        assert go_on.wait(20)
        return HEALED

    stage.dispatch = dispatch
    assert stage.run().sweeps == 20
    assert Counter(one.component for one in stage.raised) == {"backend": 1}
    assert all(len(rows) == 2 for rows in stage.recorded)


def test_as_many_heals_at_once_as_are_allowed() -> None:
    """Five sick components, four places: the fifth heal begins when one of them is over, and none is lost."""
    names = [f"part-{number}" for number in range(5)]
    stage = Stage(*names, sweeps=5)
    for name in names:
        stage.show(SICK, name=name)
    stage.before = {5: lambda: [stage.heal_is_over(name) for name in names]}
    together, under_way, most = threading.Barrier(4), threading.Semaphore(4), []

    def dispatch(_: Trigger) -> Result:
        most.append(under_way.acquire(blocking=False))
        if len(most) <= 4:
            together.wait(20)
        under_way.release()
        return HEALED

    stage.dispatch = dispatch
    stage.run()
    assert sorted(one.component for one in stage.raised) == names
    assert most == [True] * 5


def test_a_refusal_is_not_repeated_before_its_time() -> None:
    """Until `retry_at` the trigger is not raised again however often the component is seen sick; after it, it is."""
    stage = Stage("backend", sweeps=30)
    stage.show(SICK)
    stage.dispatch = lambda _: refused(Decision.COOLDOWN, retry_at=NOON + timedelta(seconds=60))
    raised_until: list[int] = []

    def later() -> None:
        raised_until.append(len(stage.raised))
        stage.clock.seconds = 61

    stage.before = {4: stage.heal_is_over, 25: later}
    stage.run()
    assert raised_until == [1]
    assert len(stage.raised) >= 2


@pytest.mark.parametrize("decision", [Decision.NOT_ALLOWED, Decision.NO_ACTION, Decision.ALREADY_HEALTHY])
def test_a_refusal_that_time_does_not_mend_is_asked_again_seldom(decision: Decision) -> None:
    """Without a `retry_at` the component is left alone for a while, not raised with every sweep."""
    stage = Stage("backend", sweeps=30)
    stage.show(SICK)
    stage.dispatch = lambda _: refused(decision)
    counts: list[int] = []

    def later() -> None:
        counts.append(len(stage.raised))
        stage.clock.seconds += 301

    stage.before = {4: stage.heal_is_over, 20: later, 22: stage.heal_is_over}
    stage.run()
    assert [*counts, len(stage.raised)] == [1, 2]


def test_what_a_person_stopped_stays_stopped() -> None:
    """A service in state STOPPED is DOWN and recorded as such, and nothing is raised for it."""
    stage = Stage("backend", sweeps=10)
    stage.show(SICK, "STOPPED")
    assert stage.run().raised == 0
    assert {rows[0].status for rows in stage.recorded} == {HealthStatus.DOWN}


def test_what_an_interrupted_heal_stopped_is_healed() -> None:
    """STOPPED by a heal that died between its stop and its start is no person's wish."""
    stage = Stage("backend", sweeps=1)
    stage.show(SICK, "STOPPED")
    stage.stopped = {"supervisor/demo/backend"}
    assert stage.run().raised == 1


def test_what_a_person_stopped_stays_stopped_while_its_fault_is_open() -> None:
    """A heal that failed, and then a person who stops the service: an open fault is no leave to start it."""
    stage = Stage("backend", sweeps=10)
    stage.show(SICK, "STOPPED")
    stage.open_faults = {"supervisor/demo/backend"}
    assert stage.run().raised == 0


@pytest.mark.parametrize(("state", "restarts"), [("BACKOFF", False), ("EXITED", True)])
def test_what_supervisord_restarts_itself_is_left_to_it_for_its_grace(state: str, restarts: bool) -> None:  # noqa: FBT001
    """Within ten seconds nothing is raised; what is sick then is healed."""
    stage = Stage("backend", sweeps=8)
    stage.components["backend"] = replace(stage.components["backend"], restarts=restarts)
    stage.watcher = stage.another_watcher()
    stage.show(SICK, state)
    raised: list[int] = []
    stage.before = {6: lambda: (raised.append(len(stage.noted)), setattr(stage.clock, "seconds", 11.0))}
    stage.run()
    assert (raised, len(stage.raised)) == ([0], 1)


def test_many_at_once_are_raised_in_order_and_written_down_at_once() -> None:
    """One sweep finds them all: CRITICAL before HIGH, parents before children; each fault is noted as it is raised."""
    names = ["child", "leaf", "other", "root", "vital"]
    stage = Stage(*names, sweeps=8)
    parents = {"leaf": {"child", "root"}, "child": {"root"}}
    for name in names:
        stage.components[name] = replace(
            stage.components[name], critical=name == "vital", depends_on=frozenset(parents.get(name, ()))
        )
        stage.show(SICK, name=name)
    stage.watcher = stage.another_watcher(replace(PACE, at_once=1))
    stage.before = {8: lambda: stage.heal_is_over("leaf")}
    stage.run()
    assert [one.component for one in stage.noted[:5]] == ["vital", "other", "root", "child", "leaf"]
    in_line = [one.component for one in stage.raised if one.component != "vital"]  # that one has a thread of its own
    assert in_line[:4] == ["other", "root", "child", "leaf"]


def test_what_a_storm_held_back_is_raised_in_one_sweep_once_it_is_over() -> None:
    """However long each of them was told to wait; while the storm holds nobody is asked again before its time."""
    stage = Stage("backend", "frontend", sweeps=30)
    for name in stage.components:
        stage.show(SICK, name=name)
    stage.holds = frozenset({"a storm"})
    stage.dispatch = lambda _: refused(Decision.STORM, retry_at=NOON + timedelta(minutes=10))
    raised: list[int] = []

    def both_are_refused() -> None:
        stage.heal_is_over("backend")
        stage.heal_is_over("frontend")

    def over() -> None:
        raised.append(len(stage.raised))
        stage.holds = frozenset()
        stage.dispatch = lambda _: HEALED

    stage.before = {4: both_are_refused, 20: over, 22: lambda: raised.append(len(stage.noted))}
    stage.run()
    assert raised == [2, 4]


def test_what_waits_for_a_thread_is_dropped_at_the_end() -> None:
    """The run that takes over raises it; this one only finishes what it has begun."""
    stage = Stage("backend", "frontend", sweeps=1_000_000)
    stage.watcher = stage.another_watcher(replace(PACE, at_once=1))
    for name in stage.components:
        stage.show(SICK, "EXITED", name=name)
    ended = threading.Event()

    def dispatch(_: Trigger) -> Result:
        stage.watcher.stop()
        assert ended.wait(20)
        return HEALED

    stage.dispatch = dispatch
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(stage.run)
        assert stage.watcher._stop.wait(20)
        while not stage.watcher._heals._closed:
            assert not run.done()
        ended.set()
        assert run.result(20).raised == 2
    assert [one.component for one in stage.raised] == ["backend"]


def test_what_has_just_been_started_is_not_struck_out() -> None:
    """A sick component that was never healthy in this young life is starting; when its time is up it is down."""
    stage = Stage("backend", sweeps=8)
    stage.shows["backend"] = replace(
        stage.look(SICK, "RUNNING", pid=7),
        incarnation=Incarnation(pid=7, started_at=int(stage.now().timestamp()), state="RUNNING"),
    )
    raised: list[int] = []
    stage.before = {5: lambda: (raised.append(len(stage.raised)), setattr(stage.clock, "seconds", 61.0))}
    stage.run()
    assert (raised, len(stage.raised)) == ([0], 1)


def test_a_stop_nobody_can_explain_is_left_alone() -> None:
    """With the database away nobody can tell who stopped the service: it is not started, and sweeps go on."""
    stage = Stage("backend", sweeps=5)
    stage.show(SICK, "STOPPED")
    stage.stopped = {"supervisor/demo/backend"}
    stage.away = AWAY
    assert stage.run() == Summary(sweeps=5, raised=0, handed_over=False)


def test_without_the_database_sweeps_go_on_and_the_fault_is_kept() -> None:
    """Nothing can be recorded or begun; when it is back the fault is raised with the time of its first sight."""
    stage = Stage("backend", sweeps=12)
    stage.show(SICK)
    stage.away = AWAY
    seen: list[datetime] = []

    def dispatch(_: Trigger) -> Result:
        if stage.away is not None:
            raise stage.away
        return HEALED

    def back() -> None:
        stage.away = None
        stage.show(SICK)

    stage.before = {
        1: lambda: seen.append(stage.now()),
        2: lambda: seen.append(stage.now()),
        8: back,
        9: stage.heal_is_over,
    }
    stage.dispatch = dispatch
    assert stage.run().sweeps == 12
    assert stage.watching is not None
    assert stage.recorded
    assert len(stage.raised) >= 2
    assert all(seen[0] <= one.detected_at < seen[1] for one in stage.raised)
    assert len({one.id for one in stage.raised}) == len(stage.raised)


def test_one_broken_component_does_not_stop_the_others() -> None:
    """A dispatch that breaks, and a look into the store that breaks, leave the other components watched and healed."""
    stage = Stage("aged", "backend", "closed", sweeps=6)
    stage.show(SICK, name="backend")
    stage.show(SICK, name="closed")
    stage.show(SICK, "STOPPED", name="aged")

    def broken(_: str) -> bool:
        raise RuntimeError("the store broke")

    def dispatch(trigger: Trigger) -> Result:
        if trigger.component == "backend":
            raise RuntimeError("the dispatch broke")
        return HEALED

    stage.stopped_by_us = broken  # type: ignore[method-assign]
    stage.dispatch = dispatch
    assert stage.run().sweeps == 6
    assert {one.component for one in stage.raised} == {"backend", "closed"}


def test_a_broken_look_after_an_exit_does_not_end_the_watch_for_exits() -> None:
    """If looking at one ended process breaks, the end of the next process is seen at once all the same."""
    stage = Stage("aged", "backend", sweeps=1_000_000)
    stage.watcher = stage.another_watcher(replace(PACE, sweep=timedelta(hours=1)))
    command = [sys.executable, "-S", "-c", "input()"]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE) as one,
        subprocess.Popen(command, stdin=subprocess.PIPE) as two,
    ):
        stage.shows["aged"] = stage.look(HEALTHY, "RUNNING", pid=one.pid)
        stage.shows["backend"] = stage.look(HEALTHY, "RUNNING", pid=two.pid)

        def look(component: Component) -> Observation:
            if component.name == "aged":
                two.kill()
                raise RuntimeError("the look broke")
            stage.watcher.stop()
            return replace(stage.look(SICK, "EXITED"), component=component.name)

        stage.glance, stage.on_begin = look, one.kill
        assert stage.run().sweeps == 1


def test_a_recovered_fault_is_closed_once() -> None:
    """Once at the start, since an older run may have left one; then once per recovery, not with every sweep."""
    stage = Stage("backend", sweeps=5)
    stage.run()
    assert stage.closed == ["supervisor/demo/backend"]
    stage = Stage("backend", sweeps=10)
    stage.before = {3: lambda: stage.show(SICK), 4: lambda: stage.show(HEALTHY)}
    stage.run()
    assert stage.closed == ["supervisor/demo/backend"] * 2


def test_a_fault_is_closed_later_when_the_database_was_away() -> None:
    """A recovery that could not be written is written when the database answers again."""
    stage = Stage("backend", sweeps=6)
    stage.away = AWAY
    stage.before = {4: lambda: setattr(stage, "away", None)}
    stage.run()
    assert stage.closed == ["supervisor/demo/backend"]


def test_a_fault_is_not_closed_while_its_heal_runs() -> None:
    """A component that is healthy again while its heal still verifies keeps its fault: the heal closes it."""
    stage = Stage("backend", sweeps=12)
    stage.closed.clear()
    go_on = threading.Event()
    closed_during: list[int] = []
    stage.show(SICK, "EXITED")

    def release() -> None:
        closed_during.append(len(stage.closed))
        go_on.set()
        stage.heal_is_over()

    def dispatch(_: Trigger) -> Result:
        assert go_on.wait(20)
        return HEALED

    stage.dispatch = dispatch
    stage.before = {2: lambda: stage.show(HEALTHY), 9: release}
    stage.run()
    assert closed_during == [0]


def test_the_old_run_watches_until_the_new_one_does() -> None:
    """The new run begins only after its first sweep; then the old one ends, so that somebody watches at any moment."""
    stage = Stage("backend", sweeps=1_000_000)
    old, new = stage.watcher, stage.another_watcher()
    with ThreadPoolExecutor(2) as pool:
        began = threading.Event()
        stage.on_begin = began.set
        first = pool.submit(old.run)
        assert began.wait(20)
        stage.events.clear()
        between: list[bool] = []

        def second_began() -> None:
            between.append(first.done())
            between.append("sweep" in stage.events)

        stage.on_begin = second_began
        second = pool.submit(new.run)
        assert first.result(20).handed_over
        assert not second.done()
        assert between == [False, True]
        new.stop()
        assert not second.result(20).handed_over


def test_the_old_run_finishes_its_heals_and_raises_no_more() -> None:
    """Handed over with a heal under way: the run ends after it, and what gets sick meanwhile is the successor's."""
    stage = Stage("backend", sweeps=1_000_000)
    stage.show(SICK)
    go_on, under_way = threading.Event(), threading.Event()

    def dispatch(_: Trigger) -> Result:
        under_way.set()
        assert go_on.wait(20)
        stage.events.append("healed")
        return HEALED

    stage.dispatch = dispatch
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(stage.watcher.run)
        assert under_way.wait(20)
        stage.watching = uuid4()  # a successor has begun
        assert stage.watcher._stop.wait(20)
        assert not run.done()
        go_on.set()
        assert run.result(20).handed_over
    assert "healed" in stage.events
    assert len(stage.raised) == 1


def test_a_database_that_is_away_is_no_successor() -> None:
    """A beat that cannot be written does not end the run."""
    stage = Stage("backend", sweeps=8)
    stage.before = {3: lambda: setattr(stage, "away", AWAY)}
    assert stage.run() == Summary(sweeps=8, raised=0, handed_over=False)


def test_a_turn_of_reconcile_neither_stops_sweeps_nor_doubles() -> None:
    """A turn that hangs holds no sweep up, and none is started beside it; one that breaks is followed by the next."""
    stage = Stage("backend", sweeps=20)
    go_on = threading.Event()
    counts: list[int] = []

    def reconcile() -> None:
        if stage.turns == 1:
            assert go_on.wait(20)
            raise RuntimeError("the turn broke")
        if stage.turns == 2:
            raise AWAY

    def release() -> None:
        counts.append(stage.turns)
        go_on.set()

    stage.reconcile = reconcile
    stage.before = {10: release}
    stage.before |= dict.fromkeys(range(11, 21), stage.turn_is_over)
    stage.run()
    assert counts == [1]
    assert stage.turns >= 3


def test_the_priority_is_the_components() -> None:
    """A service that is down raises HIGH, a critical one CRITICAL."""
    stage = Stage("plain", "vital", sweeps=5)
    stage.components["vital"] = replace(stage.components["vital"], critical=True)
    stage.watcher = stage.another_watcher()
    for name in stage.components:
        stage.show(SICK, name=name)
    stage.run()
    assert {one.component: one.priority for one in stage.raised} == {"plain": "HIGH", "vital": "CRITICAL"}


def test_what_a_breaker_has_raised_is_dispatched_though_its_component_is_healthy() -> None:
    """Each is handed over once; one that breaks stops neither the others nor the sweeps."""
    stage = Stage("backend", "orchestrator", sweeps=6)
    due = [
        Trigger(
            id=uuid4(),
            type=TriggerType.BREAKER_OPENED,
            component=name,
            source=Source.BREAKER,
            priority=Priority.HIGH,
            reason="the breaker agent:cynthia has opened",
            detected_at=NOON,
        )
        for name in ("backend", "orchestrator", "backend")
    ]
    stage.by_breakers = list(due)
    met: list[UUID] = []

    def dispatch(trigger: Trigger) -> Result:
        met.append(trigger.id)
        if trigger is due[0]:
            raise AWAY
        if trigger is due[1]:
            raise ValueError("broke")
        return HEALED

    stage.dispatch = dispatch
    assert stage.run().sweeps == 6
    assert sorted(met) == sorted(one.id for one in due)


def test_what_is_urgent_waits_for_no_turn_of_reconcile() -> None:
    """A turn that hangs holds up no alert, and an alert that breaks no sweep."""
    stage = Stage("backend", sweeps=4)
    told, go_on = threading.Event(), threading.Event()
    stage.reconcile = lambda: go_on.wait(20)

    def tell() -> None:
        told.set()
        raise AWAY

    stage.tell = tell
    with ThreadPoolExecutor(1) as pool:
        summary = pool.submit(stage.run)
        assert told.wait(20)
        go_on.set()
        assert summary.result(20).sweeps == 4


def test_what_a_person_approved_waits_for_no_turn_of_reconcile() -> None:
    """A turn that hangs, as while it settles much, does not hold up what was raised elsewhere."""
    stage = Stage("backend", sweeps=4)
    approved, go_on = threading.Event(), threading.Event()
    stage.reconcile = lambda: go_on.wait(20)
    stage.by_breakers = [
        Trigger(
            id=uuid4(),
            type=TriggerType.SERVICE_DOWN,
            component="backend",
            source=Source.WATCHER,
            priority=Priority.HIGH,
            reason="it is down",
            detected_at=NOON,
            approval=uuid4(),
        )
    ]

    def dispatch(_: Trigger) -> Result:
        approved.set()
        return HEALED

    stage.dispatch = dispatch
    stage.before = {4: lambda: (approved.wait(20), go_on.set())}
    assert stage.run().sweeps == 4
    assert approved.is_set()

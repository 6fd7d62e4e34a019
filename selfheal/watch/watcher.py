"""The watcher of application-health: sweeps, strikes, triggers, and heals that run beside further sweeps.

The flow of the same name runs it; it knows nothing of Prefect: `dispatch` and `reconcile` are handed in.
"""

import contextvars
import functools
import logging
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import replace
from uuid import UUID

from uuid6 import uuid7

from selfheal.logs import about
from selfheal.model.attempt import Status
from selfheal.model.component import Component
from selfheal.model.errors import SelfhealError
from selfheal.model.health import ComponentHealth, HealthStatus, Look, Measured
from selfheal.model.observation import Health, Observation
from selfheal.model.trigger import Source, Trigger
from selfheal.policy.health import Track, advance, is_certain, sick_since, whole_of
from selfheal.policy.places import below, depths, siblings
from selfheal.policy.raising import HOLDS, RAISE_AGAIN, pause_after, reason_of
from selfheal.policy.triggers import URGENCY
from selfheal.watch.beside import Beside
from selfheal.watch.containers import Containers
from selfheal.watch.exits import Exits
from selfheal.watch.measuring import Measuring
from selfheal.watch.queue import HealQueue
from selfheal.watch.raised import heal_raised
from selfheal.watch.succession import Succession
from selfheal.watch.suspects import Suspects
from selfheal.watch.world import Pace, Seen, Summary, World

MECHANISM = "application-health"

_log = logging.getLogger(__name__)
_BEAT_S = 1.0
_REAPED_WITHIN_S = 3.0


class Watcher:
    """One run. `run` returns when a successor watches, when `stop` was called, or when none came after a reload.

    Args:
        world: what it needs.
        pace: how often, and how patient.
        run_id: this run, as written into `watch_epoch`.
    """

    def __init__(self, world: World, pace: Pace, *, run_id: UUID) -> None:
        self._world, self._pace, self._run_id = world, pace, run_id
        self._seen = {name: Seen() for name in world.components}
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._raised = 0
        self._context = contextvars.copy_context()
        self._heals = HealQueue(pace.at_once)
        self._due: list[tuple[Seen, Trigger]] = []
        self._succession = Succession(world.overtaken, world.clock.monotonic)
        self._glimpses: list[ComponentHealth] = []  # looks between two sweeps, written down with the next
        self._depths = depths(world.components)
        self._watched = [one for one in world.components.values() if one.watched]
        self._suspects = Suspects(world.components.values(), world.heals, world.clock)
        self._holds: frozenset[str] = frozenset()
        self._overall: HealthStatus | None = None
        self._notes = ThreadPoolExecutor(1, thread_name_prefix="note-sick")
        self._turns = Beside("reconcile", world.reconcile)
        self._measuring = Measuring(
            world.engines,
            world.components,
            health=world.health,
            clock=world.clock,
            status=lambda name: self._seen[name].track.status,
        )
        self._tells = Beside("tell what is urgent", world.tell)
        self._looks = Beside("look for what was raised", self._take_raised)  # a person who approved something waits

    def stop(self) -> None:
        """End `run` soon; heals under way are finished first."""
        self._stop.set()

    def run(self) -> Summary:
        """Watch until a successor does, or until `stop`; then drain the heals."""
        seeing = ExitStack()
        exits = Exits(self._on_exit)
        seeing.callback(exits.close)
        sweeps = 0
        handed_over = False
        begun = False
        try:
            self._world.hearing.start()
            seeing.callback(self._world.hearing.close)
            for engine in self._engines():
                seeing.callback(engine.close)
            next_turn = next_sweep = self._world.clock.monotonic()
            while not handed_over and not self._stop.is_set():
                if self._world.clock.monotonic() >= next_turn:
                    next_turn += self._pace.reconcile.total_seconds()
                    self._turns.start()
                exits.watch(self._sweep())
                sweeps += 1
                self._looks.start()
                self._tells.start()
                self._measuring.start()
                begun = begun or self._begin()
                next_sweep = max(next_sweep + self._pace.sweep.total_seconds(), self._world.clock.monotonic())
                handed_over = self._wait(next_sweep, begun=begun)
        finally:
            self._stop.set()
            seeing.close()
            self._heals.close()
            self._notes.shutdown(wait=True)
            self._turns.close()
            self._looks.close()
            self._tells.close()
            self._measuring.close()
        return Summary(sweeps=sweeps, raised=self._raised, handed_over=handed_over)

    def _engines(self) -> list[Containers]:
        """Begin to follow what happens to the containers of each engine."""
        followed = []
        for name, engine in self._world.engines.items():
            of_it = {one.name: one.container for one in self._watched if one.docker == name}
            if of_it:
                followed.append(Containers(engine, of_it, self._on_change))
        return followed

    def _begin(self) -> bool:
        """Write into `watch_epoch` that this run watches now: only after its first sweep, so that no gap opens."""
        try:
            self._world.health.begin_watch(MECHANISM, self._run_id, self._world.holder)
        except SelfhealError as error:
            _log.warning("watching, but not recorded as such yet: %s", error)
            return False
        return True

    def _wait(self, until: float, *, begun: bool) -> bool:
        """Wait for the next sweep; whether a successor has begun to watch meanwhile."""
        while (left := until - self._world.clock.monotonic()) > 0 and not self._stop.is_set():
            try:
                if begun and not self._world.health.beat(MECHANISM, self._run_id):
                    return True
            except SelfhealError as error:
                _log.warning("the database cannot be told that this run watches: %s", error)
            if self._succession.is_late():
                _log.warning("other settings are in force and nobody has taken over: this run ends")
                self._stop.set()
            left = until - self._world.clock.monotonic()
            self._stop.wait(max(0.0, min(_BEAT_S, left)))
        return False

    def _sweep(self) -> dict[str, int]:
        """Look at everything, write it down, raise what is due; gives the pids to watch, by component."""
        hearing = self._world.hearing
        observations = hearing.observed(self._world.observe_all([*self._watched, *self._suspects.due()]))
        with self._lock:
            self._let_go()
            health = hearing.judged([self._take(seen) for seen in observations])
            glimpses, self._glimpses = self._glimpses, []
            self._submit()
        whole = whole_of(self._world.estate, health, now=self._world.clock.now())
        self._record([*glimpses, *health], [whole, *hearing.rows()])
        if whole.status is not self._overall:
            _log.info("the whole is %s: %s", whole.status, whole.detail or "all components are up")
            self._overall = whole.status
        lives = {seen.component: seen.incarnation for seen in observations}
        return {name: life.pid for name, life in lives.items() if life is not None and life.running}

    def _record(self, health: Sequence[ComponentHealth], further: Sequence[Measured]) -> None:
        """Write it down; where that cannot be done for long, people are told without the database."""
        emergency = self._world.emergency
        try:
            self._world.health.record(health, further)
        except SelfhealError as error:
            _log.error("health is not recorded, and nothing is healed until it is: %s", error)
            if emergency is not None:
                emergency.trouble(error.message)
        else:
            if emergency is not None:
                emergency.fine()

    def _take(self, seen: Observation) -> ComponentHealth:
        """Advance a component by one observation, and raise a trigger or close its fault where that is due.

        The lock is held, and what was raised is submitted before it is let go.
        """
        state = self._seen[seen.component]
        pace, look = self._pace, _look(state, seen)
        state.looked = True
        start_timeout = self._world.components[seen.component].start_timeout
        state.track = advance(
            state.track, seen, strikes=pace.strikes, recoveries=pace.recoveries, start_timeout=start_timeout
        )
        try:
            self._react(state, seen)
        except Exception:  # noqa: BLE001 - the loop must go on for the other components; the next sweep is back here
            _log.exception("what is due for %s broke", seen.component)
        return _health(state, seen, look)

    def _react(self, state: Seen, seen: Observation) -> None:
        """Raise what is due for a sick component, close what is over for a healthy one."""
        state.sick_since = sick_since(state.sick_since, state.track, seen)
        if seen.health is Health.SICK:
            state.fault_may_be_open = True
            self._raise_if_due(state, seen)
        elif state.track.status is HealthStatus.OPERATIONAL:
            state.not_before = 0.0
            self._close_if_recovered(state, seen)

    def _raise_if_due(self, state: Seen, seen: Observation) -> None:
        """Raise a trigger for a component that is DOWN, unless its heal runs or it is too early to ask again."""
        too_early = self._world.clock.monotonic() < state.not_before
        if not state.track.down or state.healing or too_early or self._stop.is_set() or self._succession.is_open():
            return
        component, since = self._world.components[seen.component], state.sick_since or seen.observed_at
        now, grace = self._world.clock.now(), self._pace.platform_grace
        reason = reason_of(component, seen, self._world.components, sick_since=since, now=now, grace=grace)
        if reason is None:
            return
        if reason.stopped and not self._left_by_us(component):
            state.not_before = self._world.clock.monotonic() + RAISE_AGAIN.total_seconds()
            _log.info("%s was stopped on request: not healed", component.name)
            return
        trigger = Trigger(
            id=uuid7(),
            type=reason.kind,
            component=component.name,
            source=Source.WATCHER,
            priority=reason.priority,
            reason=seen.detail,
            detected_at=since,
        )
        self._due.append((state, trigger))

    def _submit(self) -> None:
        """Give what is due to the queue: the most urgent first, parents before children."""
        due, self._due = sorted(self._due, key=lambda one: self._depths[one[1].component]), []
        due.sort(key=lambda one: URGENCY[one[1].priority])
        if not due:
            return
        noted = self._notes.submit(self._context.copy().run, self._note, [trigger for _, trigger in due])
        for state, trigger in due:
            self._raised += 1
            heal = functools.partial(self._context.copy().run, self._heal, state, trigger, noted)
            state.heal = self._heals.submit(trigger.priority, heal)

    def _note(self, triggers: Sequence[Trigger]) -> None:
        """In a thread of its own: each is a fault before any of them is healed, so that sixty at once are a storm."""
        for trigger in triggers:
            try:
                self._world.note(trigger)
            except SelfhealError as error:
                _log.warning("faults are recorded with their heals only, from %s on: %s", trigger.component, error)
                return

    def _let_go(self) -> None:
        """Once a pause, a maintenance window or a storm is over, raise all that it held back in one sweep, in order."""
        held = [state for state in self._seen.values() if state.held]
        if not held:
            return
        try:
            holds = self._world.holds()
        except SelfhealError as error:
            _log.warning("cannot tell what keeps heals back: %s", error)
            return
        if not holds or self._holds - holds:
            for state in held:
                state.held, state.not_before = False, 0.0
        self._holds = holds

    def _left_by_us(self, component: Component) -> bool:
        """Whether it was a heal of ours that left this target stopped, and no person."""
        try:
            return self._world.heals.stopped_by_us(component.target)
        except SelfhealError as error:
            _log.warning("cannot tell who stopped %s: %s", component.name, error)
            return False

    def _heal(self, state: Seen, trigger: Trigger, noted: Future[None]) -> None:
        """In a thread of the pool: dispatch, and remember when it is worth asking again."""
        with about(component=trigger.component, trigger=trigger.id):
            wait([noted])
            self._dispatch(state, trigger)

    def _dispatch(self, state: Seen, trigger: Trigger) -> None:
        pause, healed, held = RAISE_AGAIN.total_seconds(), False, False
        try:
            result = self._world.dispatch(trigger)
            healed = result.outcome is not None and result.outcome.status is Status.SUCCESS
            pause = 0.0 if healed else pause_after(result.answer, now=self._world.clock.now()).total_seconds()
            held = result.answer.decision in HOLDS
            _log.info("%s on %s: %s", result.answer.decision, trigger.component, result.answer.reason)
        except SelfhealError as error:
            pause = self._pace.sweep.total_seconds()
            _log.error("%s is sick and nothing is done about it now: %s", trigger.component, error)
        except Exception:  # noqa: BLE001 - the loop must go on for the other components; this one is raised again
            _log.exception("dispatch of %s broke", trigger.component)
        with self._lock:
            state.not_before, state.held = self._world.clock.monotonic() + pause, held
            if healed:  # it was seen healthy twice, with its healthy delay between: that is what hysteresis asks for
                state.track, state.sick_since = Track(status=HealthStatus.OPERATIONAL), None
                for child in below(
                    self._world.components[trigger.component], self._world.components
                ):  # they waited for it, and are looked at again now
                    self._seen[child].not_before = 0.0

    def _close_if_recovered(self, state: Seen, seen: Observation) -> None:
        """Close a fault that ended without us, once per recovery."""
        if not state.fault_may_be_open or state.healing:
            return
        try:
            component = self._world.components[seen.component]
            target, others = component.target, siblings(component, self._world.components)
            if self._world.heals.close_recovered(target, seen_at=seen.observed_at, except_of=others):
                _log.info("%s recovered by itself", seen.component)
            state.fault_may_be_open = self._world.heals.has_open_fault(target)
        except SelfhealError as error:
            _log.warning("cannot close the fault of %s yet: %s", seen.component, error)

    def _on_exit(self, name: str) -> None:
        """A watched process ended: look until its supervisor has noticed, then take that as an observation."""
        if self._stop.is_set() or self._seen[name].healing:
            return
        component = self._world.components[name]
        seen = self._world.observe(component)
        end = self._world.clock.monotonic() + _REAPED_WITHIN_S
        while _still_reaping(seen) and self._world.clock.monotonic() < end:
            self._world.clock.wait(0.02)
            seen = self._world.observe(component)
        _log.info("process of %s ended: %s", name, seen.detail)
        self._take_glimpse(component, seen)

    def _on_change(self, name: str) -> None:
        """Something happened to a container: look, and take that as an observation."""
        if self._stop.is_set() or self._seen[name].healing:
            return
        component = self._world.components[name]
        seen = self._world.observe(component)
        _log.info("container of %s changed: %s %s", name, seen.health, seen.detail)
        self._take_glimpse(component, seen)

    def _take_glimpse(self, component: Component, seen: Observation) -> None:
        """A look between two sweeps. One change of a container makes several events, which are no strikes each."""
        with self._lock:
            if not component.container or seen.health is Health.HEALTHY or is_certain(seen):
                self._glimpses.append(self._take(seen))
                self._submit()
            elif seen.health is Health.SICK:
                state = self._seen[component.name]
                state.sick_since = state.sick_since or seen.observed_at
                self._glimpses.append(_health(state, seen, replace(_look(state, seen), glance=True)))

    def _take_raised(self) -> None:
        """Submit what breakers and people's words have raised."""
        for trigger in () if self._stop.is_set() or self._succession.is_open() else self._world.raised():
            heal = functools.partial(self._context.copy().run, heal_raised, self._world.dispatch, trigger)
            self._heals.submit(trigger.priority, heal)


def _look(state: Seen, seen: Observation) -> Look:
    """What is seen, with what only this run knows by now."""
    life = seen.incarnation
    well = life is not None and life.same_life(state.track.well)
    return Look(health=seen.health, life=life, well=well, first=not state.looked)


def _health(state: Seen, seen: Observation, look: Look) -> ComponentHealth:
    return ComponentHealth(
        component=seen.component,
        status=state.track.status,
        response_ms=seen.response_ms,
        detail="" if state.track.status is HealthStatus.OPERATIONAL else seen.detail,
        checked_at=seen.observed_at,
        values=seen.values,
        look=look,
    )


def _still_reaping(seen: Observation) -> bool:
    """Whether the supervisor still tells of a process that has just ended."""
    return seen.health is Health.SICK and seen.incarnation is not None and seen.incarnation.running

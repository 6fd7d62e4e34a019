"""What the demo breaks, and when: a story in a thread beside the stack.

Independent faults overlap, so that heals run at the same time; the frontend is broken a second time as soon as
the watcher has seen it healthy again.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from console.demo_faults import Injected, attempts_of, healed
from console.demo_timeline import Timeline
from console.narrator import Narrator
from deployments.demo.faults import Faults
from deployments.demo.scene import Scene
from selfheal.model.errors import Permanent, Transient

POLL_S = 0.2
WATCHING_WITHIN_S = 60.0
HEALED_WITHIN_S = 60.0
BETWEEN_FAULTS_S = 1.5


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How the story went.

    Attributes:
        faults: what was broken, in order.
        starts: how often each program was started since the first fault.
    """

    faults: tuple[Injected, ...]
    starts: Mapping[str, int]


class Story:
    """Breaks the estate and waits for each heal.

    Args:
        scene: running.
        timeline: tells what Selfheal does.
        narrator: tells what we do.
        ended: set when the stack is being stopped: then the story ends too.
    """

    def __init__(self, scene: Scene, timeline: Timeline, narrator: Narrator, ended: threading.Event) -> None:
        self._scene, self._faults = scene, Faults(scene.estate)
        self._timeline, self._narrator, self._ended = timeline, narrator, ended
        self._injected: list[Injected] = []

    def tell(self) -> Ended:
        """The whole story.

        Raises:
            Transient: the watcher did not see the whole estate healthy in time.
        """
        began = datetime.now(UTC)
        if not self._until(
            lambda: all(self._timeline.well(name, since=began) for name in self._scene.names), WATCHING_WITHIN_S
        ):
            raise Transient("the watcher has not seen the whole estate healthy in time")
        self._narrator.say("watching  all components are OPERATIONAL; now things are broken", style="bold")
        before = self._scene.starts()
        self._break_containers()
        self._break_all()
        frontend = self._injected[-1]
        if self._wait_healed(frontend):
            since = attempts_of(frontend, self._injected, self._timeline.lines)[-1].completed_at or began
            self._until(lambda: self._timeline.well("frontend", since=since), HEALED_WITHIN_S)
            self._break("frontend", "frontend killed again", lambda: self._faults.kill("frontend"))
        for fault in self._injected:
            if not self._wait_healed(fault) and not self._ended.is_set():
                self._narrator.say(f"gave up   {fault.what}: not healed within {HEALED_WITHIN_S:g} s", style="red")
        starts = {name: count - before[name] for name, count in self._scene.starts().items()}
        return Ended(faults=tuple(self._injected), starts=starts)

    def _break_containers(self) -> None:
        """One dies; one lives on with a dead program inside."""
        containers = self._scene.containers
        if containers is None:
            return
        self._break("gateway", "container gateway hung, still up", lambda: containers.hang("gateway"))
        self._break("agent", "container agent killed", lambda: containers.kill("agent"))

    def _break_all(self) -> None:
        """Four faults shortly after each other."""
        self._break("backend", "backend hung, still up", lambda: self._faults.hang("backend"))
        self._pause()
        self._break("host-listener", "host-listener killed", lambda: self._faults.kill("host-listener"))
        self._pause()
        self._break("broker", "broker killed", self._faults.kill_broker)
        self._pause()
        self._break("frontend", "frontend killed", lambda: self._faults.kill("frontend"))

    def _break(self, component: str, what: str, fault: Callable[[], object]) -> None:
        """Break one thing; a fault that cannot be made is told and counts as unhealed."""
        if self._ended.is_set():
            return
        self._injected.append(Injected(component=component, what=what, at=datetime.now(UTC)))
        try:
            fault()
        except (Permanent, Transient) as error:
            self._narrator.say(f"{'broken':<10}{what}: could not be done: {error}", style="red")
        else:
            self._narrator.say(f"{'broken':<10}{what}", style="bold", at=self._injected[-1].at.timestamp())

    def _wait_healed(self, fault: Injected) -> bool:
        """Wait for the end of a fault, within its time."""
        left = HEALED_WITHIN_S - (datetime.now(UTC) - fault.at).total_seconds()
        return self._until(lambda: healed(attempts_of(fault, self._injected, self._timeline.lines)), max(left, 0.0))

    def _pause(self) -> None:
        """Keep telling between two faults."""
        self._until(lambda: False, BETWEEN_FAULTS_S)

    def _until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Tell the timeline until the condition holds; False when the time or the stack ends before."""
        end = time.monotonic() + seconds
        while not self._ended.is_set():
            self._timeline.look()
            if condition():
                return True
            if time.monotonic() >= end:
                return False
            self._ended.wait(POLL_S)
        return False

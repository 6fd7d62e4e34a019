"""An estate that a script plays, watched and healed by the real watcher, dispatcher and store: a past for replays."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from fakes import FakeBroker, FakeControl, FakeHttp
from uuid6 import uuid7

from selfheal.actions.table import Toolbox, build
from selfheal.bootstrap import Estate, wire
from selfheal.model.component import Component
from selfheal.model.observation import Health, Incarnation, Observation
from selfheal.protocol.heal import heal
from selfheal.protocol.plain import plain_steps
from selfheal.settings.file import parse
from selfheal.watch.watcher import Watcher

SWEEP = timedelta(milliseconds=20)
FOR_EVER = 10**9
"""So many sick looks: until it is restarted."""


def settings_of(names: Sequence[str], **healing: Any) -> dict[str, Any]:
    """An estate of services, each healed by a restart."""
    service = {
        "probe": "http",
        "url": "http://127.0.0.1:9/health",
        "supervisor": "demo",
        "ladder": ["restart-service"],
        "start_timeout": "300 ms",
        "healthy_delay": "10 ms",
    }
    return {
        "healing": {"allow": list(names), **healing},
        "watching": {"sweep": "500 ms"},
        "supervisors": {"demo": {"url": "http://127.0.0.1:9"}},
        "components": {name: service | {"program": name} for name in names},
    }


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """What the script does.

    Attributes:
        sweep: in which it begins.
        name: whose.
        looks: so many are sick.
        stubborn: so many restarts do not help.
        unknown: nobody can tell, in place of sick.
    """

    sweep: int
    name: str
    looks: int
    stubborn: int = 0
    unknown: bool = False


@dataclass
class Script(FakeControl):
    """The observer of the estate, and the supervisor of its programs."""

    names: Sequence[str]
    troubles: Sequence[Trouble]
    sweeps: int
    swept: int = 0
    going: dict[str, Trouble] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)
    restarts: dict[str, int] = field(default_factory=dict)
    watcher: Watcher | None = None

    def __post_init__(self) -> None:
        super().__init__(**dict.fromkeys(self.names, "RUNNING"))

    def __call__(self, component: Component) -> Observation:
        trouble, left = self.going.get(component.name), self.left.get(component.name, 0)
        health = Health.HEALTHY
        if trouble is not None and left > 0:
            health = Health.UNKNOWN if trouble.unknown else Health.SICK
        return Observation(
            component=component.name,
            health=health,
            detail="" if health is Health.HEALTHY else "the script says so",
            observed_at=datetime.now(UTC),
            response_ms=1,
            incarnation=self.process(component.program),
        )

    def observe_all(self, components: Sequence[Component]) -> Sequence[Observation]:
        """A sweep: what the script has for it begins, and what lasts wears off."""
        self.swept += 1
        for one in self.troubles:
            if one.sweep == self.swept:
                self.going[one.name], self.left[one.name], self.restarts[one.name] = one, one.looks, 0
        seen = [self(one) for one in components]
        for name in self.left:
            self.left[name] -= 1
        if self.swept == self.sweeps and self.watcher is not None:
            self.watcher.stop()
        return seen

    def start(self, program: str, *, timeout: timedelta) -> None:
        super().start(program, timeout=timeout)
        self.restarts[program] = self.restarts.get(program, 0) + 1
        trouble = self.going.get(program)
        if trouble is None or self.restarts[program] > trouble.stubborn:
            self.left[program] = 0

    def _life(self, state: str) -> Incarnation:
        """Its pid is ours, which does not end: nobody shall wait for a stranger's."""
        self._pid += 1
        return Incarnation(pid=os.getpid() if state == "RUNNING" else 0, started_at=self._pid, state=state)


def lived_through(
    values: Mapping[str, Any], troubles: Sequence[Trouble], *, sweeps: int, runs: int, database_url: str
) -> Estate:
    """The estate, after runs of the watcher have written the whole script down; to be closed."""
    estate = wire(parse(dict(values), source="the test"), database_url=database_url)
    script = Script(names=list(values["components"]), troubles=troubles, sweeps=sweeps)
    tools = Toolbox(
        controls={"demo": script},
        observe=script,
        broker=FakeBroker(1),
        http=FakeHttp(200),
        clock=estate.healer.clock,
        modes={name: one.mode for name, one in estate.settings.actions.items()},
    )
    healer = replace(estate.healer, observe=script, actions=build(tools))
    estate = replace(estate, healer=healer, observer=script)  # type: ignore[arg-type] # what a watcher asks of it
    steps = plain_steps(healer)
    for run in range(1, runs + 1):
        watcher = estate.watcher(run_id=uuid7(), dispatch=lambda trigger: heal(steps, trigger), reconcile=lambda: None)
        watcher._pace = replace(watcher._pace, sweep=SWEEP)
        script.sweeps, script.watcher = sweeps * run // runs, watcher
        watcher.run()
    return estate

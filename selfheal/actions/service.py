"""A supervised program as the actions see it: keep the evidence, restart it, bring it back to where it was.

`restart_service` and `restore_nats_connection` call this. It is the one place that stops and starts programs.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from selfheal.actions.evidence import last_lines
from selfheal.model.attempt import Plan
from selfheal.model.component import Component
from selfheal.model.errors import Permanent, SelfhealError, TargetChanged
from selfheal.model.observation import Incarnation
from selfheal.policy.names import nearest
from selfheal.ports import Clock, ServiceControl

LOG_TAIL = 32 * 1024
UP = frozenset({"RUNNING", "STARTING"})


class Service:
    """The program behind one component.

    Raises:
        Permanent: from the constructor, if the component has no program or its supervisor is not known.
    """

    def __init__(self, component: Component, controls: Mapping[str, ServiceControl], clock: Clock) -> None:
        control = controls.get(component.supervisor)
        if not component.program or control is None:
            raise Permanent(
                f"{component.name} has no supervised program{nearest(component.supervisor, controls)}",
                hint="set supervisor and program of the component",
            )
        self.program = component.program
        self._control = control
        self._clock = clock

    def life(self) -> Incarnation:
        """The process as it is now."""
        return self._control.process(self.program)

    def plan(self, *steps: str) -> Plan:
        """What was found, what a restart would destroy, and the way back."""
        before = self.life()
        return Plan(
            before=before,
            rollback={"restore": "running" if before.state in UP else "stopped"},
            evidence={
                "state": before.state,
                "pid": before.pid,
                "started_at": before.started_at,
                "log": self._log(),
            },
            steps=steps,
        )

    def restart(self, *, before: Incarnation | None, timeout: timedelta) -> str:
        """Stop it if it runs, then start it, both within `timeout`; says what was done.

        Supervisord cannot compare and set: looking at the incarnation right before the first call leaves a gap
        of one round trip in which somebody else's restart would be repeated.

        Raises:
            TargetChanged: it is no longer the incarnation `before`; nothing was done.
        """
        ends = self._clock.monotonic() + timeout.total_seconds()
        was = self.life()
        if before is not None and not before.same_life(was):
            raise TargetChanged(f"{self.program} was restarted by somebody else meanwhile: not touched")
        if was.state not in {"STOPPED", "EXITED", "FATAL"}:
            self._control.stop(self.program, timeout=timeout)
        self._control.start(self.program, timeout=self._left(ends))
        return f"restarted {self.program}" if was.running else f"started {self.program} (it was {was.state})"

    def restore(self, rollback: dict[str, Any] | None, *, timeout: timedelta) -> str:
        """Bring it back to the state that `plan` found; changes nothing where that is the state already."""
        wanted = (rollback or {}).get("restore")
        if wanted not in {"running", "stopped"}:
            raise Permanent(f"the plan of {self.program} does not say what to go back to", hint="look at it by hand")
        now = self.life()
        if wanted == "running" and now.state not in UP:
            self._control.start(self.program, timeout=timeout)
            return f"started {self.program} again, as it was found"
        if wanted == "stopped" and (now.running or now.state == "BACKOFF"):
            self._control.stop(self.program, timeout=timeout)
            return f"stopped {self.program} again, as it was found"
        return f"{self.program} is {wanted}, as it was found"

    def _left(self, ends: float) -> timedelta:
        """What remains of the time, a second at least: a program left stopped is worse than a late one."""
        return timedelta(seconds=max(1.0, ends - self._clock.monotonic()))

    def _log(self) -> str:
        """The last log lines, or why there are none: they are not worth giving up the heal."""
        try:
            return last_lines(self._control.log_tail(self.program, size=LOG_TAIL))
        except SelfhealError as error:
            return f"(the log cannot be read: {error.message})"

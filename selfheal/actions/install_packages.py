"""INSTALL_PACKAGES: run the one command that the settings name for a component in its container.

The heal protocol calls it through `actions.table`. What is run is in the settings and nowhere else: no trigger brings a
word of it, and no shell reads it. It is bounded in time; what it wrote last is in the attempt's message.
"""

from collections.abc import Mapping
from datetime import timedelta

from selfheal.actions.container import answering, engine_of, evidence_of, the_same
from selfheal.actions.evidence import redacted
from selfheal.model.attempt import Plan
from selfheal.model.check import LONGEST_INSTALL, Executed, Install, shown
from selfheal.model.component import Component
from selfheal.model.errors import Permanent
from selfheal.model.observation import Observation
from selfheal.model.trigger import Trigger, TriggerType
from selfheal.policy.names import named
from selfheal.ports import ContainerControl, ContainerInside, Observe

REASONS = frozenset({TriggerType.LOG_ERROR, TriggerType.CHECK_FAILED, TriggerType.EXTERNAL_ALERT, TriggerType.MANUAL})
_OVERHEAD = timedelta(seconds=15)
_TAIL = 1200


class InstallPackages:
    """Fulfils `ports.Action` for components with `install` and a container.

    Args:
        containers: the engines by name.
        insides: the same, within.
        observe: one look.
    """

    name = "install-packages"
    action_type = "INSTALL_PACKAGES"
    mode = "approve"
    risk = "Packages are fetched and replaced while the component runs; there is no way back to those of before."
    manual_minutes = 20
    timeout = LONGEST_INSTALL + _OVERHEAD

    def __init__(
        self,
        *,
        containers: Mapping[str, ContainerControl],
        insides: Mapping[str, ContainerInside],
        observe: Observe,
    ) -> None:
        self._containers, self._insides, self._observe = containers, insides, observe

    def can_handle(self, trigger: Trigger, component: Component) -> bool:
        """Whether the settings say how, and something may be missing, or a person asks."""
        return trigger.type in REASONS and component.install is not None and bool(component.container)

    def prepare(self, component: Component) -> Plan:
        """Look, and keep the container's state and last log lines."""
        install, engine = _install(component), engine_of(component, self._containers)
        life = answering(engine, component)
        seen = self._observe(component)
        return Plan(
            before=life,
            evidence={"seen": redacted(f"{seen.health}: {seen.detail}"), **evidence_of(engine, life)},
            steps=(f"run `{shown(install.command)}` in {component.container}, at most {_words(install)}",),
            parameters={"command": list(install.command)},
            timeout_s=(install.timeout + _OVERHEAD).total_seconds(),
        )

    def commit(self, component: Component, plan: Plan) -> str:
        """Run it once, if it is still the container that was looked at."""
        install = _install(component)
        life = the_same(engine_of(component, self._containers), component, plan.before)
        inside = named(component.docker, self._insides, kind="engine")
        done = inside.execute(life.id, install.command, timeout=install.timeout)
        if done.exit_code:
            raise Permanent(f"`{shown(install.command)}` ended with {done.exit_code}: {_end(done)}")
        return f"`{shown(install.command)}` ended well: {_end(done)}"

    def validate(self, component: Component) -> Observation:
        """One look."""
        return self._observe(component)

    def rollback(self, component: Component, plan: Plan) -> str:  # noqa: ARG002 - there is none
        """Nothing: nobody knows the packages of before."""
        return f"the packages of {component.name} stay as they are: nobody knows those of before"


def _install(component: Component) -> Install:
    if component.install is None:
        raise Permanent(f"{component.name} has no install", hint="set it in the settings of the component")
    return component.install


def _words(install: Install) -> str:
    return f"{install.timeout.total_seconds():g} s"


def _end(done: Executed) -> str:
    """The end of what it wrote, without secrets."""
    said = redacted(done.output)[-_TAIL:].strip()
    return said or "it said nothing"

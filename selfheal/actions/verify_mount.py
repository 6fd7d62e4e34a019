"""VERIFY_MOUNT: a file or folder that is gone is mounted, put back from its copy, or found again by a restart.

The heal protocol calls it through `actions.table`. On this machine only what stands in the table of mounts is mounted,
and only where nothing is a copy is put; a container whose mount was replaced outside is started anew, which makes its
mounts anew. Whatever else is wrong with it is told, and left to a person.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from selfheal.actions.container import answering, engine_of, the_same
from selfheal.actions.evidence import redacted
from selfheal.model.attempt import Plan
from selfheal.model.check import PathStanding, PathState
from selfheal.model.component import Component, ProbeKind
from selfheal.model.errors import Declined, Permanent, TargetChanged
from selfheal.model.observation import Incarnation, Observation
from selfheal.model.trigger import Trigger, TriggerType
from selfheal.policy.names import named
from selfheal.ports import Action, ContainerControl, ContainerInside, HostPaths, Observe

REASONS = frozenset(
    {
        TriggerType.LOG_ERROR,
        TriggerType.MOUNT_GONE,
        TriggerType.HOST_PRESSURE,
        TriggerType.EXTERNAL_ALERT,
        TriggerType.MANUAL,
    }
)
WHO = "verify-mount"
_RESTART, _MOUNT, _COPY, _NOTHING = "restart", "mount", "copy", "nothing"


class VerifyMount:
    """Fulfils `ports.Action` for components with `probe = "path"`.

    Args:
        containers: the engines by name.
        insides: the same, within.
        paths: of this machine; None: there are none to act on.
        container: restarts containers.
        observe: one look.
    """

    name = "verify-mount"
    action_type = "VERIFY_MOUNT"
    mode = "auto"
    risk = "A container whose mount is stale is restarted; what is on this machine is only added, never replaced."
    manual_minutes = 15

    def __init__(
        self,
        *,
        containers: Mapping[str, ContainerControl],
        insides: Mapping[str, ContainerInside],
        paths: HostPaths | None,
        container: Action,
        observe: Observe,
    ) -> None:
        self.timeout: timedelta = container.timeout
        self._containers, self._insides, self._host = containers, insides, paths
        self._container, self._observe = container, observe

    def can_handle(self, trigger: Trigger, component: Component) -> bool:
        """Whether a file or folder may be gone, or a person asks."""
        return trigger.type in REASONS and component.probe is ProbeKind.PATH

    def prepare(self, component: Component) -> Plan:
        """Look, and choose; where nothing of ours brings it back, the plan says why."""
        if component.container:
            return self._of_container(component)
        standing = self._standing(component)
        before = Incarnation(pid=0, started_at=0, state=standing.state.value, id=standing.id)
        evidence = {"seen": redacted(standing.detail)}
        if standing.state is PathState.NOT_MOUNTED:
            why_not = self._paths.mountable(component.path)
            if why_not:
                return _nothing(f"{standing.detail}, and cannot be mounted: {why_not}; mount it by hand", before)
            steps: tuple[str, ...] = (f"mount {component.path}, as the machine's table of mounts says",)
            return Plan(before=before, evidence=evidence, steps=steps, parameters={"how": _MOUNT})
        if standing.state is not PathState.MISSING:
            return _nothing(_left(standing, component), before)
        copy = self._paths.copy(component.path, component.copies) if component.copies else None
        if copy is None:
            later = "" if component.copies else "; set copies of the component for the next time"
            return _nothing(f"{standing.detail}, and there is no copy of it: restore it by hand{later}", before)
        steps = (f"put back {component.path}: {copy.words}",)
        return Plan(before=before, evidence=evidence, steps=steps, parameters={"how": _COPY, "copy": copy.sha256})

    def commit(self, component: Component, plan: Plan) -> str:
        """Do it once, if it is still as it was seen.

        Raises:
            Declined: there is nothing that would help.
        """
        how = plan.parameters["how"]
        if how == _NOTHING:
            raise Declined(plan.steps[0])
        if component.container:
            life = the_same(engine_of(component, self._containers), component, plan.before)
            if self._inside(component, life).state is not PathState.STALE:
                raise TargetChanged(f"{component.path} is no longer as it was seen: not touched")
            return self._container.commit(component, plan)
        if plan.before is None or self._standing(component).state.value != plan.before.state:
            raise TargetChanged(f"{component.path} is no longer as it was seen: not touched")
        if how == _MOUNT:
            self._paths.mount(component.path, timeout=self.timeout)
            return f"mounted {component.path}"
        copy, why = str(plan.parameters["copy"]), f"put back: {plan.evidence['seen']}"
        self._paths.put_back(component.path, component.copies, sha256=copy, who=WHO, why=why)
        return f"put back {component.path} from its copy {copy[:16]}"

    def validate(self, component: Component) -> Observation:
        """One look."""
        return self._observe(component)

    def rollback(self, component: Component, plan: Plan) -> str:
        """Return a container to the state that was found; a mount or file that came back stays."""
        if component.container:
            return self._container.rollback(component, plan)
        return f"{component.path} stays as it is by now"

    def _of_container(self, component: Component) -> Plan:
        engine = engine_of(component, self._containers)
        life = answering(engine, component)
        standing = self._inside(component, life)
        if standing.state is not PathState.STALE:
            return _nothing(_left(standing, component), life)
        plan = self._container.prepare(component)
        return replace(
            plan,
            evidence={"seen": redacted(standing.detail), **plan.evidence},
            steps=(*plan.steps, "its mounts are made anew by that"),
            parameters={"how": _RESTART},
        )

    def _inside(self, component: Component, life: Incarnation) -> PathStanding:
        inside = named(component.docker, self._insides, kind="engine")
        return inside.path(life.id, component.path, mounted=component.mounted)

    def _standing(self, component: Component) -> PathStanding:
        return self._paths.standing(component.path, mounted=component.mounted, timeout=component.probe_timeout)

    @property
    def _paths(self) -> HostPaths:
        if self._host is None:
            raise Permanent("files of this machine are not touched here")
        return self._host


def _nothing(why: str, before: Incarnation) -> Plan:
    """A plan to do nothing; the next rung of the ladder may do something."""
    return Plan(before=before, evidence={"seen": redacted(why)}, steps=(redacted(why),), parameters={"how": _NOTHING})


def _left(standing: PathStanding, component: Component) -> str:
    """Why nothing of ours helps here."""
    if standing.state is PathState.PRESENT:
        return f"{component.path} is there: there is nothing to do"
    if standing.state is PathState.UNREADABLE:
        return f"{standing.detail}: look at its rights and its disk, since nothing is replaced that is there"
    if standing.state is PathState.NOT_MOUNTED:
        return f"{standing.detail}: create the container anew with its mount"
    return (
        f"{standing.detail}, neither in {component.container} nor in what is mounted into it: restore it outside; "
        "a component of its own, of that file, can do so"
    )

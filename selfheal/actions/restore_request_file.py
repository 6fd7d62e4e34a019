"""RESTORE_REQUEST_FILE: put the last good copy of the request file back in place of one that was wiped.

The heal protocol calls it through `actions.table`. What is there now is kept as a copy too, so nothing is lost either
way; a person is asked, for only a person knows whether somebody meant it.
"""

from datetime import timedelta

from selfheal.model.attempt import Plan
from selfheal.model.component import Component, ProbeKind
from selfheal.model.errors import NotAllowed, Permanent, TargetChanged
from selfheal.model.file_change import FileState
from selfheal.model.observation import Incarnation, Observation
from selfheal.model.trigger import Trigger, TriggerType
from selfheal.ports import KeptFile, Observe

REASONS = frozenset(
    {
        TriggerType.FILE_DAMAGED,
        TriggerType.LOG_ERROR,
        TriggerType.EXTERNAL_ALERT,
        TriggerType.HOST_PRESSURE,
        TriggerType.MANUAL,
    }
)
WHO = "selfheal"
_NAMED = 20
"""So many ids are named one by one."""


class RestoreRequestFile:
    """Fulfils `ports.Action` for the component `request-file`.

    Args:
        file: what is restored; None: the settings name none.
        observe: one look at a component.
    """

    name = "restore-request-file"
    action_type = "RESTORE_REQUEST_FILE"
    mode = "approve"
    risk = "What was written into the file since it shrank is taken out of it, and lies in a copy beside it."
    manual_minutes = 20
    timeout = timedelta(seconds=60)

    def __init__(self, *, file: KeptFile | None, observe: Observe) -> None:
        self._kept = file
        self._observe = observe

    def can_handle(self, trigger: Trigger, component: Component) -> bool:
        """Whether the request file is damaged, or a person asks."""
        return trigger.type in REASONS and component.probe is ProbeKind.REQUEST_FILE

    def prepare(self, component: Component) -> Plan:
        """What would be put back in place of what, in numbers. Changes nothing."""
        found = self._file(component).standing()
        last = found.last_good
        if found.state is FileState.PRESENT:
            raise NotAllowed("the request file is whole: there is nothing to restore")
        if found.state is FileState.UNREADABLE:
            raise NotAllowed(f"not restored: {found.detail}", hint="it is there; look at its rights and its disk")
        if last is None:
            raise NotAllowed("the request file was never read: there is no copy", hint="restore it by hand")
        there = f"{found.entries} entries, {found.size} bytes" if found.sha256 else "nothing"
        kept = f"{last.entries} entries, {last.size} bytes, read at {last.seen_at:%Y-%m-%d %H:%M:%S} UTC"
        return Plan(
            before=Incarnation(pid=0, started_at=0, state=found.state.value, exact_start=found.sha256),
            rollback={"copy": found.sha256} if found.sha256 else None,
            evidence={
                "found": found.detail,
                "lost": list(found.lost[:_NAMED]),
                "lost_count": len(found.lost),
                "gained": list(found.gained[:_NAMED]),
                "gained_count": len(found.gained),
            },
            steps=(
                f"in the file: {there}",
                f"put back the copy {last.sha256[:16]}: {kept}",
                f"{len(found.lost)} entries come back{_some(found.lost)}",
                *((f"{len(found.gained)} entries go into a copy{_some(found.gained)}",) if found.gained else ()),
            ),
            parameters={"copy": last.sha256, "instead_of": found.sha256},
        )

    def commit(self, component: Component, plan: Plan) -> str:
        """Put the copy back, if the file is still the one that was looked at."""
        copy = str(plan.parameters["copy"])
        self._file(component).put_back(
            copy, instead_of=str(plan.parameters["instead_of"]), who=WHO, why=f"restored: {plan.evidence['found']}"
        )
        return f"put back the copy {copy[:16]}"

    def validate(self, component: Component) -> Observation:
        """One look."""
        return self._observe(component)

    def rollback(self, component: Component, plan: Plan) -> str:
        """Put what was found back, unless somebody else has changed the file since."""
        found = str((plan.rollback or {}).get("copy", ""))
        if not found:
            raise Permanent("the plan does not say what to go back to", hint="look at the copies by hand")
        try:
            self._file(component).put_back(
                found, instead_of=str(plan.parameters["copy"]), who=WHO, why="the restored file was not well"
            )
        except TargetChanged as error:
            return error.message
        return f"put back what was found, {found[:16]}"

    def _file(self, component: Component) -> KeptFile:
        if self._kept is None:
            raise Permanent(f"{component.name}: workflows.request_file is empty", hint="name the file in the settings")
        return self._kept


def _some(ids: tuple[str, ...]) -> str:
    more = "" if len(ids) <= _NAMED else ", ..."
    return f": {', '.join(ids[:_NAMED])}{more}" if ids else ""

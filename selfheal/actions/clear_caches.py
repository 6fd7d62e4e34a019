"""CLEAR_CACHES: the one HTTP call or NATS message that the settings name for a component, sent once.

The heal protocol calls it through `actions.table`; an open breaker raises it, and a ladder may begin with it. What is
called is in the settings and nowhere else: no trigger brings an address, a subject or a body.
"""

from datetime import timedelta

from selfheal.actions.calling import send
from selfheal.actions.evidence import redacted
from selfheal.model.attempt import Plan
from selfheal.model.check import LONGEST_CALL, Call
from selfheal.model.component import Component
from selfheal.model.errors import Permanent, TargetChanged
from selfheal.model.observation import Observation
from selfheal.model.trigger import Trigger, TriggerType
from selfheal.policy.preempting import of_response
from selfheal.ports import BrokerClient, HttpClient, Observe

REASONS = frozenset(
    {
        TriggerType.BREAKER_OPENED,
        TriggerType.SERVICE_DOWN,
        TriggerType.CONTAINER_DOWN,
        TriggerType.LOG_ERROR,
        TriggerType.EXTERNAL_ALERT,
        TriggerType.HOST_PRESSURE,
        TriggerType.MEMORY_HIGH,
        TriggerType.MANUAL,
    }
)
_OVERHEAD = timedelta(seconds=5)


class ClearCaches:
    """Fulfils `ports.Action` for components with `clear_caches`."""

    name = "clear-caches"
    action_type = "CLEAR_CACHES"
    mode = "auto"
    risk = "What was cached is read anew: the component, and what it reads from, are slower for a while."
    manual_minutes = 5

    def __init__(self, *, http: HttpClient, broker: BrokerClient, observe: Observe) -> None:
        self.timeout = LONGEST_CALL + _OVERHEAD
        self._http = http
        self._broker = broker
        self._observe = observe

    def can_handle(self, trigger: Trigger, component: Component) -> bool:
        """Whether the settings say how, and it is down, or behind an open breaker, or a person asks."""
        fits = trigger.type in REASONS or of_response(trigger)
        return fits and component.clear_caches is not None

    def prepare(self, component: Component) -> Plan:
        """Look; there is no way back, and none is needed: a cache fills again."""
        call, seen = _call(component), self._observe(component)
        return Plan(
            before=seen.incarnation,
            evidence={"seen": redacted(f"{seen.health}: {seen.detail}"), "call": call.words},
            steps=(call.words,),
        )

    def commit(self, component: Component, plan: Plan) -> str:
        """Send it once, if it is still the incarnation that was found."""
        call = _call(component)
        life = self._observe(component).incarnation
        if plan.before is not None and life is not None and not plan.before.same_life(life):
            raise TargetChanged(f"{component.name} was restarted by somebody else meanwhile: its caches are new")
        return send(call, self._http, self._broker)

    def validate(self, component: Component) -> Observation:
        """One look."""
        return self._observe(component)

    def rollback(self, component: Component, plan: Plan) -> str:  # noqa: ARG002 - there is none
        """Nothing: a cache that was cleared fills again."""
        return f"the caches of {component.name} fill again by themselves"


def _call(component: Component) -> Call:
    if component.clear_caches is None:
        raise Permanent(f"{component.name} has no clear_caches", hint="set it in the settings of the component")
    return component.clear_caches

"""The shape that all probes share: ask, and turn whatever happens into an observation.

The probes of this folder call `look`; it is the one place where an error becomes a verdict.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from selfheal.model.component import Component
from selfheal.model.errors import SelfhealError, Transient
from selfheal.model.observation import Health, Incarnation, Observation
from selfheal.ports import Clock


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a probe found.

    Attributes:
        health: the verdict.
        detail: why, in a few words; empty when there is nothing to say.
        response_ms: how long the answer took; None without one.
        values: what was measured besides, by metric.
    """

    health: Health
    detail: str = ""
    response_ms: int | None = None
    values: Mapping[str, float] = field(default_factory=dict)


def look(component: Component, incarnation: Incarnation | None, clock: Clock, ask: Callable[[], Seen]) -> Observation:
    """One look that never raises.

    `Transient` means that the component did not answer: SICK. Any other error says that the question was
    wrong or that the probe itself broke, which tells nothing of the component: UNKNOWN.
    """
    try:
        seen = ask()
    except Transient as error:
        seen = Seen(health=Health.SICK, detail=error.message)
    except SelfhealError as error:
        seen = Seen(health=Health.UNKNOWN, detail=str(error))
    except Exception as error:  # noqa: BLE001  a probe that breaks must not stop the sweep of the others
        seen = Seen(health=Health.UNKNOWN, detail=f"the probe broke: {type(error).__name__}: {error}")
    return Observation(
        component=component.name,
        health=seen.health,
        detail=seen.detail,
        observed_at=clock.now(),
        response_ms=seen.response_ms,
        incarnation=incarnation,
        values=seen.values,
    )

"""A container as the actions see it: which engine has it, that it is there, and the evidence that a restart destroys.

`restart_container` and the actions that act within containers call this.
"""

from collections.abc import Mapping
from typing import Any

from selfheal.actions.evidence import fitted, last_lines
from selfheal.model.component import Component
from selfheal.model.errors import Permanent, SelfhealError, TargetChanged
from selfheal.model.observation import Incarnation
from selfheal.policy.names import nearest
from selfheal.ports import ContainerControl

LOG_LINES = 400


def engine_of(component: Component, containers: Mapping[str, ContainerControl]) -> ContainerControl:
    """The engine that has the component's container; `Permanent` where there is none."""
    engine = containers.get(component.docker)
    if engine is None or not component.container:
        raise Permanent(
            f"{component.name} has no container of a known engine{nearest(component.docker, containers)}",
            hint="set container of the component",
        )
    return engine


def existing(engine: ContainerControl, component: Component) -> Incarnation:
    """The container as it is now; `Permanent` where there is none."""
    life = engine.container(component.container)
    if life.state in {"REMOVING", "REMOVED"}:
        raise Permanent(
            f"there is no container {component.container!r}",
            hint="create it again: Selfheal restarts containers and creates none",
        )
    return life


def answering(engine: ContainerControl, component: Component) -> Incarnation:
    """The same where it runs, so that something can be done within it."""
    life = existing(engine, component)
    if not life.can_answer:
        raise Permanent(f"{component.container} is {life.state}: nothing can be done within it", hint="start it first")
    return life


def the_same(engine: ContainerControl, component: Component, before: Incarnation | None) -> Incarnation:
    """The container, if it is the life that was looked at.

    Docker has no compare-and-set. What follows goes to the container's id, so that one created anew is never touched;
    a restart by somebody else between this look and the call would not be noticed.

    Raises:
        TargetChanged: it was restarted or created anew.
    """
    life = existing(engine, component)
    if before is not None and not before.same_life(life):
        raise TargetChanged(
            f"{component.container} was restarted or created anew by somebody else meanwhile: not touched"
        )
    return life


def evidence_of(engine: ContainerControl, life: Incarnation) -> dict[str, Any]:
    """What a restart would destroy. What cannot be had is told, and not worth giving up the heal."""
    try:
        inspected: Any = fitted(engine.inspect(life.id))
    except SelfhealError as error:
        inspected = f"(cannot be inspected: {error.message})"
    try:
        log = last_lines(engine.log_tail(life.id, lines=LOG_LINES))
    except SelfhealError as error:
        log = f"(the log cannot be read: {error.message})"
    return {"state": life.words, "health": life.health, "inspect": inspected, "log": log}

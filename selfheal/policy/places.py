"""Where a component stands: its group, and what it depends on. Admission keeps the order by it."""

from collections.abc import Collection, Mapping

from selfheal.model.admission import Place
from selfheal.model.component import Component
from selfheal.model.observation import Observation
from selfheal.policy.triggers import LOOKS_WITHIN


def place_of(component: Component, components: Mapping[str, Component], allow: Collection[str]) -> Place:
    """The component's place; parents that may not be healed are not waited for."""
    size = sum(one.group == component.group for one in components.values()) if component.group else 0
    parents = {components[name].target for name in _above(component, components) if name in allow}
    return Place(
        target=component.target,
        group=component.group,
        group_size=size,
        parents=tuple(sorted(parents - {component.target})),
    )


def siblings(component: Component, components: Mapping[str, Component]) -> set[str]:
    """Names of the others that are the same physical thing, looked at otherwise."""
    return {one.name for one in components.values() if one.target == component.target} - {component.name}


def left_to(component: Component, seen: Observation, components: Mapping[str, Component]) -> str:
    """The component to which this one is left, since the thing of which it is a part does not run; empty: to none.

    Nothing within a dead container can be mended, and nobody need be told of what comes back with it.
    """
    life = seen.incarnation if component.keeper else None
    if component.probe not in LOOKS_WITHIN or life is None or life.can_answer:
        return ""
    wholes = [name for name in siblings(component, components) if components[name].probe not in LOOKS_WITHIN]
    return min((name for name in wholes if components[name].watched and components[name].ladder), default="")


def depths(components: Mapping[str, Component]) -> dict[str, int]:
    """How many components each one depends on, directly or not: parents have fewer than their children."""
    return {name: len(_above(one, components)) for name, one in components.items()}


def below(component: Component, components: Mapping[str, Component]) -> set[str]:
    """Names of all that depends on the component, directly or not."""
    return {
        name for name, one in components.items() if name != component.name and component.name in _above(one, components)
    }


def _above(component: Component, components: Mapping[str, Component]) -> set[str]:
    """Everything that the component depends on, directly or not."""
    found: set[str] = set()
    left = set(component.depends_on)
    while left:
        name = left.pop()
        if name not in found and name in components:
            found.add(name)
            left |= components[name].depends_on
    return found

"""Where a component stands, as admission is told."""

from selfheal.model.component import Component, ProbeKind
from selfheal.policy.places import place_of


def component(name: str, *parents: str, group: str = "") -> Component:
    return Component(name=name, target=f"t/{name}", probe=ProbeKind.PROCESS, depends_on=frozenset(parents), group=group)


ESTATE = {
    one.name: one
    for one in (
        component("postgres"),
        component("broker", "postgres"),
        component("consumer", "broker", group="web"),
        component("backend", "broker", group="web"),
    )
}


def test_everything_above_it_comes_first() -> None:
    """Parents of parents too, by their targets."""
    assert place_of(ESTATE["consumer"], ESTATE, set(ESTATE)).parents == ("t/broker", "t/postgres")
    assert place_of(ESTATE["postgres"], ESTATE, set(ESTATE)).parents == ()


def test_a_parent_that_may_not_be_healed_is_not_waited_for() -> None:
    """Nobody would ever heal it."""
    assert place_of(ESTATE["consumer"], ESTATE, {"broker"}).parents == ("t/broker",)


def test_a_group_is_counted_with_its_members() -> None:
    """Without a group there is no share of one."""
    there = place_of(ESTATE["backend"], ESTATE, set())
    assert (there.group, there.group_size) == ("web", 2)
    assert place_of(ESTATE["broker"], ESTATE, set()).group_size == 0

"""What a person is asked about: the act that their word will be bound to, and what else it touches."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from selfheal.model.attempt import Plan
from selfheal.model.component import Component, ProbeKind
from selfheal.policy.approval import fingerprint, proposal, same_person
from selfheal.policy.asking import unproven

VALUES = st.dictionaries(st.text(max_size=5), st.text(max_size=5) | st.integers() | st.none(), max_size=4)


def component(name: str, *parents: str) -> Component:
    return Component(
        name=name, target=f"supervisor/demo/{name}", probe=ProbeKind.PROCESS, depends_on=frozenset(parents)
    )


@given(st.text(), st.text(), VALUES, st.text(), st.text(), VALUES)
def test_another_act_has_another_fingerprint(  # noqa: PLR0917 - two acts, each of three parts
    action: str, target: str, told: dict[str, object], action2: str, target2: str, told2: dict[str, object]
) -> None:
    """Equal exactly when action, target and parameters are; the order of the parameters says nothing."""
    same = (action, target, told) == (action2, target2, told2)
    assert (fingerprint(action, target, told) == fingerprint(action2, target2, told2)) == same
    turned = dict(reversed(told.items()))
    assert fingerprint(action, target, told) == fingerprint(action, target, turned)


def test_what_depends_on_it_is_touched_too() -> None:
    """Directly or not; a long list is cut, and says so."""
    estate = {one.name: one for one in (component("db"), component("api", "db"), component("web", "api"))}
    plan = Plan(steps=("restart db",), parameters={"sha256": "x"})
    told = proposal("restart-service", plan, estate["db"], estate, risk="")
    assert told.blast_radius == "db, and what depends on it: api, web"
    assert proposal("x", plan, estate["web"], estate, risk="").blast_radius == "web; nothing depends on it"
    assert told.within == estate["db"].start_timeout + estate["db"].healthy_delay == timedelta(seconds=65)
    many = {"db": estate["db"]} | {f"c{n:02}": component(f"c{n:02}", "db") for n in range(20)}
    assert proposal("x", plan, estate["db"], many, risk="").blast_radius.endswith("c07 and 12 more")


def test_whoever_is_asked_reads_what_it_risks() -> None:
    """The action's own words stand behind what it touches."""
    web = component("web")
    told = proposal("x", Plan(), web, {"web": web}, risk="Requests under way are lost.")
    assert told.blast_radius == "web; nothing depends on it. Requests under way are lost."


def test_a_name_said_in_prefect_is_still_the_same_person() -> None:
    """Whoever asks through Prefect's form does not become somebody else by that."""
    assert same_person("Ada", unproven("ada"))
    assert same_person("ada (as root)", "ADA")
    assert not same_person("ada", unproven("grace"))

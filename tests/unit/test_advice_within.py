"""`config check` on looks from within: what costs much, what nobody takes, and what is meant."""

from typing import Any

import pytest

from selfheal.settings.advice import advice
from selfheal.settings.file import parse

WEB = {"probe": "container", "container": "web", "ladder": ["restart-container"]}
CHECK = {"probe": "command", "container": "web", "command": ["node", "-v"], "watched": False}
MEMORY = {"probe": "memory", "container": "web", "memory": {"share": 0.9}}


def said(**components: dict[str, Any]) -> list[tuple[str, str]]:
    settings = parse({"healing": {"allow": list(components)}, "components": components}, source="the test")
    return [(one.setting, one.said) for one in advice(settings) if not one.said.startswith("is empty")]


def test_a_part_of_a_container_is_not_the_same_thing() -> None:
    """Two looks from outside are hardly meant; one from within is."""
    assert said(web=WEB, modules=CHECK, memory=MEMORY) == []
    assert said(a=WEB, web=WEB) == [("components.web", "is the same thing as a: docker/web")]


@pytest.mark.parametrize(
    ("component", "setting", "told"),
    [
        (CHECK | {"watched": True}, "command", "at every sweep"),
        (CHECK | {"install": {"command": ["npm", "ci"]}}, "install", "only where a person asks"),
        (MEMORY | {"collect": {"signal": "SIGHUP"}}, "collect", "only where a person asks"),
        (MEMORY | {"scale": {"max": 2, "label": "set=api"}}, "scale", "only where a person asks"),
        (WEB | {"ladder": ["investigate", "restart-container"]}, "ladder", "goes on after investigate"),
    ],
)
def test_what_is_hardly_meant_is_told(component: dict[str, Any], setting: str, told: str) -> None:
    """Each with its place."""
    ((place, words),) = said(web=component)
    assert place == f"components.web.{setting}"
    assert told in words

"""`selfheal workflows` and the same over GraphQL: what was compared last, whatever is down."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from admission_desk import Desk
from dashboard_fixtures import CLAIMED, GONE, ZOMBIE, workflows
from person_fixtures import ACME
from test_token_command import run  # noqa: F401 - pytest finds fixtures by import
from web_fixtures import Web

from selfheal.model.identity import Role

Run = Callable[..., tuple[int, Any]]
STORY = """query ($name: String!) { workflow(reqNumber: $name) {
    workflow { reqNumber fileStatus status stuck stages { stage agent presence result why } }
    disagreements { kind settledBy file state evidence settledAt } timeline { kind words } } }"""


def test_all_are_listed(run: Run, desk: Callable[..., Desk]) -> None:  # noqa: F811 - the fixture
    """Each with state, file, stage and agent; how they stand as a whole; 1 where a person must look."""
    workflows(desk())
    code, told = run("workflows")
    assert code == 1
    facts = {key: told[key] for key in ("level", "open_disagreements", "for_a_person", "orphans")}
    assert facts == {"level": "degraded", "open_disagreements": 3, "for_a_person": 2, "orphans": 12}
    found = {one["workflow"]: one for one in told["workflows"]}
    assert set(found) == {ZOMBIE, CLAIMED, "REQ-WELL", "REQ-HELD"}
    one = found[ZOMBIE]
    assert (one["state"], one["file"], one["stage"], one["agent"], one["stuck"]) == (
        "running",
        "NEW",
        0,
        "cynthia",
        True,
    )
    assert found[CLAIMED]["state"] is None


def test_one_is_shown(run: Run, desk: Callable[..., Desk]) -> None:  # noqa: F811 - the fixture
    """Its stages with evidence, its disagreement with rule and settler, and what happened; an unknown one is told."""
    workflows(desk())
    code, told = run("workflows", "show", CLAIMED)
    assert code == 1
    evidence = [(one["stage"], one["evidence"], one["result"]) for one in told["stages"]]
    assert evidence[4:] == [(4, "PRESENT", "REJECTED"), (5, "PRESENT", "DONE"), (6, "ABSENT", "")]
    assert [(one["rule"], one["settled_by"]) for one in told["disagreements"]] == [
        ("COMPLETE_WITHOUT_EVIDENCE", "a person")
    ]
    assert {one["what"] for one in told["events"]} == {"delivered", "disagreed"}
    code, wrong = run("workflows", "show", "REQ-NONE")
    assert (code, "no workflow is named 'REQ-NONE'" in wrong) == (2, True)


def test_disagreements_are_told(run: Run, desk: Callable[..., Desk]) -> None:  # noqa: F811 - the fixture
    """A person's first, each with what to do; with nothing compared yet, that is said."""
    code, told = run("workflows", "disagreements")
    assert (code, told["disagreements"], told["warning"]) == (0, [], "the stores have not been compared yet")
    workflows(desk())
    code, told = run("workflows", "disagreements")
    assert code == 1
    assert {one["workflow"] for one in told["disagreements"][:2]} == {CLAIMED, GONE}
    last = told["disagreements"][-1]
    assert (last["workflow"], last["rule"], last["settled_by"]) == (ZOMBIE, "ZOMBIE", "workflow-persistence")


def test_a_broker_that_is_down_is_told(run: Run, desk: Callable[..., Desk]) -> None:  # noqa: F811 - the fixture
    """The list is there, and says of how many nobody could tell, and why."""
    workflows(desk(), untold=True)
    _, told = run("workflows")
    assert told["warning"] == "of 2 nobody could tell what was delivered: REQ-HELD: the broker does not answer"
    assert {one["why"] for one in told["workflows"]} == {"", "the broker does not answer"}


@pytest.mark.parametrize("words", [("show",), ("list", "REQ-1"), ("disagreements", "--file", "x")])
def test_wrong_usage_is_told(run: Run, words: tuple[str, ...]) -> None:  # noqa: F811 - the fixture
    """A name where none belongs, or none where one does."""
    code, wrong = run("workflows", *words)
    assert (code, "selfheal workflows" in wrong) == (2, True)


def test_graphql_gives_the_same(web: Web, desk: Callable[..., Desk]) -> None:
    """Pages, one story with its stages, and disagreements by rule; a tenant's token is given none of them."""
    workflows(desk())
    page = "{ workflowPages(first: 3) { nodes { reqNumber } pageInfo { hasNextPage endCursor } } }"
    first = web.ask(page)["data"]["workflowPages"]
    assert (len(first["nodes"]), first["pageInfo"]["hasNextPage"]) == (3, True)
    more = page.replace("first: 3", f'first: 3, after: "{first["pageInfo"]["endCursor"]}"')
    rest = web.ask(more)["data"]["workflowPages"]
    assert {one["reqNumber"] for one in [*first["nodes"], *rest["nodes"]]} == {ZOMBIE, CLAIMED, "REQ-WELL", "REQ-HELD"}
    story = web.ask(STORY, {"name": CLAIMED})["data"]["workflow"]
    assert story["workflow"]["stages"][6] == {
        "stage": 6,
        "agent": "berry",
        "presence": "ABSENT",
        "result": "",
        "why": "",
    }
    assert story["disagreements"][0]["kind"] == "COMPLETE_WITHOUT_EVIDENCE"
    asked = '{ workflowDisagreements { kind reqNumber settledBy } workflow(reqNumber: "none") { timeline { at } } }'
    found = web.ask(asked)["data"]
    assert {one["kind"] for one in found["workflowDisagreements"]} == {"ZOMBIE", "COMPLETE_WITHOUT_EVIDENCE", "ORPHANS"}
    assert found["workflow"] is None
    theirs = web.ask(asked, role=Role.ADMIN, tenant=ACME)["data"]
    assert json.dumps(theirs) == '{"workflowDisagreements": [], "workflow": null}'

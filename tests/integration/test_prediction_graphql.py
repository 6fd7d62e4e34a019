"""Predictions by GraphQL, and that no number in a row breaks an answer or a page."""

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from admission_desk import Desk
from foretold import Foretold, H, foretell, foretold, measure
from person_fixtures import ACME
from web_fixtures import Web

from selfheal.model.identity import Role

ONE = """query ($id: ID!) { prediction(id: $id) {
    prediction { component metric outcome stands breachAt } stretchSeconds series { at min max mean }
    answer { words decision attempt { status fault { component } } } heals { action } } }"""


@pytest.fixture
def told(desk: Callable[..., Desk]) -> Foretold:
    """A few days of predictions."""
    return foretold(desk())


def test_graphql_gives_pages_one_and_the_record(web: Web, told: Foretold) -> None:
    """By pages with filters, one with its series and answer, and the record of some days."""
    page = """query ($after: String) { predictions(first: 2, after: $after) {
        nodes { id outcome } pageInfo { hasNextPage endCursor } } }"""
    seen: list[str] = []
    after = None
    while True:
        found = web.ask(page, {"after": after})["data"]["predictions"]
        seen += [one["id"] for one in found["nodes"]]
        after = found["pageInfo"]["endCursor"]
        if not found["pageInfo"]["hasNextPage"]:
            break
    assert len(set(seen)) == len(seen) == 5
    filtered = web.ask(
        """{ open: predictions(open: true) { nodes { id } } missed: predictions(outcome: MISS) { nodes { component } }
             rule: predictions(rule: "RESPONSE_RISING", component: "broker", open: true) { nodes { rule stands } }
             settled: predictions(open: false) { nodes { id } }
             predictionRecord(days: 7) { rule hits precision { value low high } leadSeconds
                                         intervalCoverage { value } } }"""
    )["data"]
    assert (len(filtered["open"]["nodes"]), len(filtered["settled"]["nodes"])) == (2, 3)
    assert filtered["missed"]["nodes"] == [{"component": "host:here"}]
    assert filtered["rule"]["nodes"] == [{"rule": "RESPONSE_RISING", "stands": True}]
    assert filtered["predictionRecord"][0]["precision"]["value"] == 0.5
    one = web.ask(ONE, {"id": str(told.prevented)})["data"]["prediction"]
    assert (one["prediction"]["outcome"], one["stretchSeconds"]) == ("PREVENTED", 300)
    assert len(one["series"]) > 280
    assert one["answer"]["attempt"] == {"status": "SUCCESS", "fault": {"component": "agents"}}
    assert web.ask(ONE, {"id": str(uuid4())})["data"]["prediction"] is None


def test_graphql_gives_a_tenant_none(web: Web, told: Foretold) -> None:
    """Whatever is asked for; and what makes no sense is refused."""
    query = "{ predictions { nodes { id } } predictionRecord { predictions } }"
    found = web.ask(query, role=Role.ADMIN, tenant=ACME)["data"]
    assert found == {"predictions": {"nodes": []}, "predictionRecord": [{"predictions": 0}]}
    assert web.ask(ONE, {"id": str(told.stands)}, tenant=ACME)["data"] == {"prediction": None}
    for wrong in (
        '{ predictions(rule: "MANUAL") { nodes { id } } }',
        "{ predictions(first: 201) { nodes { id } } }",
        "{ predictionRecord(days: 0) { hits } }",
        "{ predictionRecord(days: 401) { hits } }",
        '{ prediction(id: "x") { stretchSeconds } }',
        '{ predictions(after: "x") { nodes { id } } }',
    ):
        assert web.code(wrong) == "WRONG_INPUT", wrong


def test_what_a_series_costs_is_counted(web: Web) -> None:
    """Fifteen stories with their series are an answer; with the faults of their heals, and those's attempts, none."""
    asked = " ".join(
        f'p{n}: prediction(id: "{UUID(int=n)}") {{ series {{ at }} heals {{ fault {{ id }} }} }}' for n in range(15)
    )
    assert web.code(f"{{ {asked} }}") == ""
    assert web.code(f"{{ {asked.replace('{ id }', '{ attempts { id } }')} }}") == "TOO_MUCH"


def test_what_the_numbers_are_does_not_matter(web: Web, desk: Callable[..., Desk]) -> None:
    """Huge ones, negative ones, one value for a day, no series, a component that nothing is known of: all are told."""
    engine = desk().engine
    measure(engine, "flat", "x", lambda _: 7.0, wide=0.0)
    measure(engine, "huge", "x", lambda hours: 1e150 * hours, wide=0.0, since=3 * H)
    for component, value, limit in (("flat", 7.0, 7.0), ("huge", -1e308, 1.7e308), ("REQ-1", -0.0, -5e-324)):
        one = foretell(engine, component, metric="x", value=value, threshold=limit)
        found = web.ask(ONE, {"id": str(one)})
        assert "errors" not in found, found
        with web.client() as client:
            assert client.get(f"/predictions/{one}").status_code == 200

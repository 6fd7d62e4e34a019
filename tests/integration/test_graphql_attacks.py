"""The API under attack, on the real process: limits hold, errors tell nothing, whatever hypothesis thinks of."""

import json
from http import HTTPStatus
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text
from web_fixtures import Web

from console.graphql.limits import LONGEST_LIST
from selfheal.model.identity import Role

FUZZ = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
LEAKS = (
    "Did you mean",
    "Traceback",
    "psycopg",
    "sqlalchemy",
    "SELECT ",
    "healing_user",
    "postgresql",
    "/site-packages/",
    "never-told",
)
FIELDS = {
    "healingActions": ("status", "actionType", "limit"),
    "workflowRecoveries": ("reqNumber", "limit"),
    "faults": ("first", "after", "state", "component", "since"),
    "fault": ("id",),
    "attempt": ("id",),
    "workflows": ("status", "reqNumber", "limit"),
    "workflowPages": ("first", "after", "status", "fileStatus", "text", "disagreeing"),
    "workflow": ("reqNumber",),
    "workflowDisagreements": ("reqNumber", "settled", "limit"),
    "metrics": ("hours",),
    "approvals": ("ended", "limit"),
}
LEAVES = (
    "id",
    "status",
    "component",
    "nodes { id }",
    "fault { id }",
    "attempts",
    "timeline { at }",
    "__typename",
    "nothing",
)
ANY = (
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text() | st.lists(st.text(), max_size=2)
)


def code(answer: httpx.Response) -> str:
    return str(answer.json()["errors"][0]["extensions"]["code"])


def refuse_leaks(answer: httpx.Response) -> None:
    """Whatever was asked: no error of ours, no inside told, JSON."""
    assert answer.status_code < HTTPStatus.INTERNAL_SERVER_ERROR, answer.text
    assert not any(leak in answer.text for leak in LEAKS), answer.text
    found = answer.json()
    assert all(one["extensions"]["code"] != "BROKEN" for one in found.get("errors", ())), answer.text


@pytest.mark.parametrize(
    ("asked", "refused"),
    [
        ([{"query": "{ me { name } }"}] * 3, "BATCH_REFUSED"),
        ({"query": ""}, "WRONG_QUERY"),
        ({"query": "{ me { name }"}, "WRONG_QUERY"),
        ({"query": "{ me { secret } }"}, "WRONG_QUERY"),
        ({"query": 1}, "WRONG_REQUEST"),
        ({"query": "{ me { name } }", "variables": []}, ""),
        ({"query": "{ me { name } }", "variables": [1]}, "WRONG_REQUEST"),
        ({"query": "{ me { name } }", "persisted": 1}, "WRONG_REQUEST"),
        ("text", "WRONG_REQUEST"),
        ({"query": "{ me { name } } query B { me { name } }"}, "ONE_OPERATION"),
        ({"query": "{ __schema { types { name } } }"}, "INTROSPECTION_OFF"),
        ({"query": "{" + "".join(f" a{n}: me {{ name }}" for n in range(16)) + "}"}, "TOO_MANY_ALIASES"),
        ({"query": "{" + " me { name }" * 300 + "}"}, "TOO_MANY_TOKENS"),
        ({"query": "{ faults { nodes" + " { attempts { fault" * 6 + " { id }" + " } }" * 6 + " } }"}, "TOO_DEEP"),
        (
            {"query": "{ faults(first: 200) { nodes { attempts { fault { attempts { fault { id } } } } } } }"},
            "TOO_MUCH",
        ),
        ({"query": f"{{ healingActions(limit: {LONGEST_LIST + 1}) {{ id }} }}"}, "WRONG_INPUT"),
        ({"query": "{ healingActions(limit: 0) { id } }"}, "WRONG_INPUT"),
        ({"query": "{ healingActions(limit: 99999999999999999999) { id } }"}, "WRONG_QUERY"),
        ({"query": '{ healingActions(status: "BROKEN") { id } }'}, "WRONG_INPUT"),
        ({"query": "{ faults(state: NEVER) { nodes { id } } }"}, "WRONG_QUERY"),
        ({"query": "{ faultz { nodes { id } } }"}, "WRONG_QUERY"),
        ({"query": '{ healingActions(statu: "x") { id } }'}, "WRONG_QUERY"),
        ({"query": "query($x: FaultStat) { faults(state: $x) { nodes { id } } }"}, "WRONG_QUERY"),
        ({"query": "{ faults(state: OPE) { nodes { id } } }"}, "WRONG_QUERY"),
        (
            {
                "query": "query($x: FaultState) { faults(state: $x) { nodes { id } } }",
                "variables": {"x": "OPE"},
            },
            "WRONG_QUERY",
        ),
        ({"query": '{ faults(since: "yesterday") { nodes { id } } }'}, "WRONG_QUERY"),
        ({"query": '{ faults(since: "2026-01-01T00:00:00") { nodes { id } } }'}, "WRONG_INPUT"),
        ({"query": '{ healingActions(actionType: "a\\u0000b") { id } }'}, "WRONG_INPUT"),
        (
            {"query": "query($t: String) { healingActions(actionType: $t) { id } }", "variables": {"t": "\ud800"}},
            "WRONG_INPUT",
        ),
        ({"query": "{...A} fragment A on Query {...B} fragment B on Query {...A}"}, "WRONG_QUERY"),
    ],
)
def test_attacks_are_refused_by_name(web: Web, asked: Any, refused: str) -> None:
    """Batches, depth, aliases, tokens, sizes, wrong values: each has its code; no name near the wrong one is told."""
    with web.client() as client:
        answer = client.post("/graphql", content=json.dumps(asked), headers={"content-type": "application/json"})
    refuse_leaks(answer)
    assert (code(answer) if "errors" in answer.json() else "") == refused


def test_nothing_is_read_by_get_or_as_a_form(web: Web) -> None:
    """A link or a form on another page can ask nothing: only JSON by POST is taken."""
    with web.client() as client:
        assert client.get("/graphql", params={"query": "{ me { name } }"}).status_code == HTTPStatus.METHOD_NOT_ALLOWED
        assert client.post("/graphql", data={"query": "{ me { name } }"}).status_code == HTTPStatus.BAD_REQUEST
        deep = client.post("/graphql", content="[" * 30_000, headers={"content-type": "application/json"})
        assert code(deep) == "WRONG_REQUEST"


def test_a_slow_statement_is_given_up(web: Web, owner_engine: Engine) -> None:
    """While a table is locked a query is answered within its time by a code, and no later request waits for it."""
    with owner_engine.begin() as connection:
        connection.execute(text("LOCK TABLE workflow_state IN ACCESS EXCLUSIVE MODE"))
        assert web.code("{ workflows { reqNumber } }") in {"TOO_SLOW", "AWAY"}
    assert web.code("{ workflows { reqNumber } }") == ""


values = st.builds(json.dumps, ANY.filter(lambda one: not isinstance(one, float)))
arguments = st.sampled_from(sorted(FIELDS)).flatmap(
    lambda name: st.tuples(st.just(name), st.dictionaries(st.sampled_from(FIELDS[name]), values, max_size=3))
)


@st.composite
def queries(draw: st.DrawFn) -> str:
    """A query that is nearly right: known fields with any arguments, any leaves, fragments, aliases."""
    parts = []
    for name, given_ in draw(st.lists(arguments, min_size=1, max_size=4)):
        alias = draw(st.sampled_from(["", "x: ", "y: "]))
        told = f"({', '.join(f'{key}: {value}' for key, value in given_.items())})" if given_ else ""
        leaves = " ".join(draw(st.lists(st.sampled_from(LEAVES), min_size=1, max_size=3)))
        parts.append(f"{alias}{name}{told} {{ {leaves} }}")
    inside = " ".join(parts)
    return (
        draw(st.sampled_from(["{ %s }", "query A { ...F } fragment F on Query { %s }", "{ ... on Query { %s } }"]))
        % inside
    )


@FUZZ
@given(queries())
def test_no_query_breaks_it(web: Web, query: str) -> None:
    """Whatever nearly is a query is answered or refused, never broken, and tells nothing of the inside."""
    with web.client() as client:
        refuse_leaks(client.post("/graphql", json={"query": query}))


@FUZZ
@given(name=st.sampled_from(sorted(FIELDS)), value=ANY)
def test_no_variable_breaks_it(web: Web, name: str, value: object) -> None:
    """Any JSON as any argument's variable: NULs, halves of characters, huge numbers, the wrong type."""
    argument = FIELDS[name][0]
    kind = {"limit": "Int", "first": "Int", "hours": "Int", "id": "ID!", "ended": "Boolean!"}.get(argument, "String")
    query = f"query($v: {kind}) {{ {name}({argument}: $v) {{ __typename }} }}"
    body = json.dumps({"query": query, "variables": {"v": value}})
    with web.client() as client:
        refuse_leaks(client.post("/graphql", content=body, headers={"content-type": "application/json"}))


@FUZZ
@given(st.binary(max_size=300) | st.text().map(lambda one: one.encode("utf-8", "surrogatepass")))
def test_no_body_breaks_it(web: Web, body: bytes) -> None:
    """Any bytes as the request."""
    with web.client() as client:
        answer = client.post("/graphql", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in {HTTPStatus.OK, HTTPStatus.BAD_REQUEST}
    refuse_leaks(answer)


@FUZZ
@given(why=st.text(max_size=600), component=st.text(max_size=200), minutes=st.integers(-(2**31), 2**31 - 1))
def test_no_deed_breaks_it(web: Web, why: str, component: str, minutes: int) -> None:
    """Any words and numbers in what changes something: done, or refused by name."""
    query = """mutation($w: String!, $c: String!, $m: Int!) {
        heal(component: $c, why: $w) { link } pause(why: $w, minutes: $m) { who }
        planMaintenance(scope: COMPONENT, name: $c, minutes: $m, why: $w) { id }
        overrideBreaker(name: $c, do: OPEN, why: $w, minutes: $m) { name } }"""
    body = json.dumps({"query": query, "variables": {"w": why, "c": component, "m": minutes}})
    with web.client(Role.OPERATOR) as client:
        refuse_leaks(client.post("/graphql", content=body, headers={"content-type": "application/json"}))


def test_what_breaks_inside_is_not_told(web: Web, owner_engine: Engine) -> None:
    """An error of ours is a code and the request's id for the asker, and whole in the log."""
    with owner_engine.begin() as connection:
        connection.execute(text("ALTER TABLE workflow_state RENAME TO away"))
    try:
        with web.client() as client:
            answer = client.post(
                "/graphql", json={"query": "{ workflows { reqNumber } }"}, headers={"x-request-id": "broken-one"}
            )
    finally:
        with owner_engine.begin() as connection:
            connection.execute(text("ALTER TABLE away RENAME TO workflow_state"))
    error = answer.json()["errors"][0]
    assert error["extensions"] == {"code": "BROKEN", "requestId": "broken-one"}
    assert not any(leak in answer.text for leak in LEAKS)
    assert 'relation "workflow_state" does not exist' in web.process.log.read_text()


def test_a_wrong_query_fills_no_log(web: Web) -> None:
    """What somebody mistypes, or sends on purpose, is answered and not kept: neither its text nor a traceback."""
    assert web.code('{ healingActions(limit: "plainly-no-number-4712") { id } }') == "WRONG_QUERY"
    assert web.code("query($n: Int) { healingActions(limit: $n) { id } }", {"n": "plainly-no-number-4713"})
    told = web.process.log.read_text()
    assert "plainly-no-number" not in told


def test_the_server_still_lives(web: Web) -> None:
    """After all of this it is the same process, and answers."""
    assert web.process.process.poll() is None
    assert web.ask("{ me { name } }")["data"]["me"]["name"] == "viewer-ours"

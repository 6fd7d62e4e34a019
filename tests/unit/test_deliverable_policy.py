"""What a payload says: the drift that real ones show, and any bytes at all."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfheal.model.deliverable import Result
from selfheal.model.pipeline import Stage
from selfheal.policy.deliverables import LONGEST_SUMMARY, Said, deliverable, read, reason
from selfheal.settings.workflows import Workflows

REQ = "REQ-I18N-CHINESE-1766892755203"
STAGES = Workflows().pipeline().stages
CRITIQUE, BACKEND, FRONTEND = STAGES[1], STAGES[2], STAGES[3]


def said(values: Any, stage: Stage = BACKEND) -> Said:
    """What a payload says: an object, a text, or bytes."""
    data = (
        values
        if isinstance(values, bytes)
        else values.encode()
        if isinstance(values, str)
        else json.dumps(values).encode()
    )
    return read(data, stage=stage, req_number=REQ)


def about(**values: Any) -> dict[str, Any]:
    """A plain deliverable of the backend."""
    return {"agent": "roy", "req_number": REQ, "status": "COMPLETE", "summary": "done"} | values


@pytest.mark.parametrize(
    ("status", "result"),
    [
        *(
            (word, Result.DONE)
            for word in ("COMPLETE", "COMPLETED", "DEPLOYED", "PHASE_1_COMPLETE", "Phase 2: complete")
        ),
        ("complete ✅", Result.DONE),
        ("BLOCKED", Result.BLOCKED),
        *((word, Result.FAILED) for word in ("FAILED", "ERROR")),
        *(
            (word, Result.UNCLEAR)
            for word in ("IN_PROGRESS", "INCOMPLETE", "NOT COMPLETE", "", "COMPLETE BLOCKED", 7, {}, [])
        ),
        (None, Result.UNCLEAR),
    ],
)
def test_a_status_is_one_of_those_that_agents_use(status: object, result: Result) -> None:
    """Anything else is for a person."""
    assert said(about(status=status)).result is result


@pytest.mark.parametrize("key", ["req_number", "reqNumber", "requirementId", "requirement_id", "reqId"])
def test_the_id_has_many_names(key: str) -> None:
    """Each is understood; another request's id makes the payload nobody's evidence."""
    values = about()
    del values["req_number"]
    assert said(values | {key: REQ}).result is Result.DONE
    other = said(values | {key: "REQ-OTHER-1"})
    assert other.result is Result.UNCLEAR
    assert "it says that it is of 'REQ-OTHER-1'" in other.oddities
    assert said(about(**{key: 17})).result is Result.UNCLEAR
    assert said(about(reqId=REQ.lower())).result is Result.DONE


@pytest.mark.parametrize(
    ("values", "result"),
    [
        ({"status": "COMPLETE", "decision": "APPROVED"}, Result.DONE),
        ({"status": "COMPLETE", "decision": "APPROVED_WITH_CONDITIONS"}, Result.DONE),
        ({"status": "COMPLETE", "decision": "REJECTED"}, Result.REJECTED),
        ({"status": "COMPLETE", "critique": {"decision": "rejected"}}, Result.REJECTED),
        ({"status": "REJECTED"}, Result.REJECTED),
        ({"status": "APPROVED"}, Result.DONE),
        ({"status": "COMPLETE", "decision": "let us see"}, Result.UNCLEAR),
        ({"status": "FAILED", "decision": "APPROVED"}, Result.FAILED),
        ({"status": "FAILED", "decision": "REJECTED"}, Result.UNCLEAR),
        ({"status": "COMPLETE"}, Result.DONE),
    ],
)
def test_a_critique_decides(values: dict[str, Any], result: Result) -> None:
    """The decision counts beside the status, and a contradiction is for a person."""
    assert said({"agent": "sylvia", "req_number": REQ} | values, CRITIQUE).result is result


def test_a_critique_that_decides_nothing_is_odd() -> None:
    """It says that it is complete; as a plain text it says nothing."""
    assert "it decides nothing" in said(about(agent="sylvia"), CRITIQUE).oddities
    assert said("# Critique\nAll is well.", CRITIQUE).result is Result.UNCLEAR
    assert said("# Critique\n**Decision**: APPROVED WITH CONDITIONS (two)", CRITIQUE).result is Result.DONE
    assert said("# Critique\n\n- Verdict: REJECTED", CRITIQUE).result is Result.REJECTED


def test_markdown_is_a_deliverable() -> None:
    """It is there, and so done, unless its own line says otherwise."""
    plain = said("# Backend\n\nAll endpoints exist.")
    assert (plain.result, plain.summary) == (Result.DONE, "# Backend All endpoints exist.")
    assert "it is no JSON" in plain.oddities
    assert said("# Backend\n**Status**: BLOCKED\nno database").result is Result.BLOCKED
    assert said(f"```json\n{json.dumps(about())}\n```").result is Result.DONE
    assert said(json.dumps("# Backend")).result is Result.DONE


@pytest.mark.parametrize("data", [b"", b" \n", b"{", b'{"status": "COMPL', b"[]", b"3", b"null", b'{"a":' * 10_000])
def test_what_cannot_be_read_is_for_a_person(data: bytes) -> None:
    """Empty, cut off, something else, too deep: never done."""
    assert said(data).result is Result.UNCLEAR


def test_hazards_are_tolerated_and_told() -> None:
    """No UTF-8, a huge number, an object as summary, a key twice, another agent, a megabyte, a secret."""
    assert said(b"\xff\xfe# Backend").oddities == ("it is not UTF-8", "it is no JSON")
    assert said(b"\xef\xbb\xbf" + json.dumps(about()).encode()).result is Result.DONE
    assert said(f'{{"req_number": "{REQ}", "status": "COMPLETE", "n": {"9" * 20_000}}}').result is Result.DONE
    assert said(about(summary={"files": 3, "text": "ok", "more": {"a": 1}})).summary == "files: 3; text: ok"
    twice = said(f'{{"req_number": "{REQ}", "status": "FAILED", "status": "COMPLETE"}}')
    assert (twice.result, twice.oddities[0]) == (Result.UNCLEAR, "it gives status twice, with different values")
    assert said(f'{{"req_number": "{REQ}", "status": "COMPLETE", "status": "COMPLETE"}}').result is Result.DONE
    assert said(about(agent="jen-frontend"), FRONTEND).oddities == ("it says that it is 'jen-frontend''s",)
    assert len(said(about(summary="word " * 200_000)).summary) <= LONGEST_SUMMARY
    assert "hunter22" not in said(about(summary="password=hunter22")).summary
    assert "hunter22" not in said(about(summary={"password": "hunter22"})).summary


_WORDS = st.sampled_from(["COMPLETE", "REJECTED", "BLOCKED", REQ, REQ.lower(), "REQ-OTHER-1"])
_TEXT = _WORDS | st.text(st.sampled_from('aZ0_-:. \n\x00\x7f\ud800é漢🙂{["`'), max_size=20)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=12,
)
_KEYS = st.sampled_from(["agent", "req_number", "reqId", "status", "decision", "summary", "deliverable", "critique"])


@given(
    st.binary(max_size=300) | st.dictionaries(_KEYS, _JSON).map(lambda one: json.dumps(one).encode()),
    st.sampled_from(STAGES),
)
def test_any_bytes_are_read(data: bytes, stage: Stage) -> None:
    """Nothing raises, what comes out can be stored and shown, and another request's id is never done."""
    at = datetime.now(UTC)
    found = deliverable(data, stage=stage, req_number=REQ, subject="s", sequence=1, published_at=at)
    for text in (found.summary, found.status, *found.oddities, reason(data)):
        text.encode()
        assert "\x00" not in text
    assert len(found.summary) <= LONGEST_SUMMARY
    if any(odd.startswith("it says that it is of") for odd in found.oddities):
        assert found.result is Result.UNCLEAR

"""What is read from the bodies of strangers: alerts about our components, refusals by name, or nothing at all."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfheal.model.external_alert import ExternalAlert, Naming, Webhook
from selfheal.model.trigger import Priority
from selfheal.policy.intake import MOST_ALERTS, alerts_in
from selfheal.policy.json_body import Unreadable, at

NAMING = Naming(labels=("service", "component"), aliases={"app-backend": "backend"}, components={"backend", "web"})
KUMA = Webhook(component="/monitor/name", reason="msg", id="monitor.id", resolved="/heartbeat/status")
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def firing(**more: Any) -> dict[str, Any]:
    """One alert as Alertmanager sends it."""
    return {
        "status": "firing",
        "labels": {"alertname": "Down", "component": "backend", "severity": "critical"},
        "annotations": {"summary": "no answer"},
        "startsAt": "2026-11-29T04:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "fingerprint": "c0ffee",
    } | more


def read(*alerts: Any) -> list[ExternalAlert]:
    return list(alerts_in(json.dumps({"version": "4", "alerts": alerts}).encode(), None, NAMING))


def test_an_alert_of_alertmanager_is_read() -> None:
    """Component, reason and urgency; critical is HIGH, for CRITICAL is what we see ourselves."""
    (one,) = read(firing())
    assert (one.component, one.reason, one.priority) == ("backend", "Down: no answer", Priority.HIGH)
    assert (one.resolved, one.once, one.refusal) == (False, True, "")


def test_the_same_alert_has_the_same_key_until_it_fires_anew() -> None:
    """Repeats and the end have the key of the beginning; another start or fingerprint has another."""
    first, again, over, later, other = read(
        firing(),
        firing(annotations={"summary": "still"}),
        firing(status="resolved", endsAt="2026-11-29T05:00:00Z"),
        firing(startsAt="2026-11-30T04:00:00Z"),
        firing(fingerprint="decaf"),
    )
    assert first.key == again.key == over.key
    assert over.resolved
    assert len({first.key, later.key, other.key}) == 3


@pytest.mark.parametrize(
    ("labels", "component", "refusal"),
    [
        ({"component": "web"}, "web", ""),
        ({"component": "web", "service": "app-backend"}, "backend", ""),
        ({"component": "wev"}, "wev", "no component is named 'wev'; did you mean 'web'?"),
        ({"component": "../web"}, "../web", "no component is named '../web'; did you mean 'web'?"),
        ({"component": "*"}, "*", "no component is named '*'; known: backend, web"),
        ({"component": "we\x00b\x1b[2J"}, "we b [2J", "no component is named 'we b [2J'; did you mean 'web'?"),
        ({"component": ["web"]}, "", "it has no label service or component"),
        ({}, "", "it has no label service or component"),
        (None, "", "it has no label service or component"),
    ],
)
def test_what_is_about_nothing_of_ours_is_refused_by_name(labels: Any, component: str, refusal: str) -> None:
    """The first label that names something counts; unknown, odd and missing names are told, and stop no other alert."""
    one, next_one = read(firing(labels=labels), firing())
    assert (one.component, one.refusal) == (component, refusal)
    assert next_one.refusal == ""


def test_another_senders_json_is_read_by_pointers() -> None:
    """By JSON pointers and dotted paths; what tells it over in whatever way is understood."""
    body = {"monitor": {"name": "app-backend", "id": 7}, "msg": "down\nfor long", "heartbeat": {"status": "down"}}
    (one,) = alerts_in(json.dumps(body).encode(), KUMA, NAMING)
    assert (one.component, one.reason, one.resolved, one.once) == ("backend", "down for long", False, False)
    for over in ("Up", "RESOLVED", "ok", True):
        (ended,) = alerts_in(json.dumps(body | {"heartbeat": {"status": over}}).encode(), KUMA, NAMING)
        assert ended.resolved
        assert ended.key == one.key


def test_several_alerts_in_one_body_are_found_by_their_list() -> None:
    """The other pointers count from each of them."""
    webhook = Webhook(component="name", items="/found")
    found = alerts_in(b'{"found": [{"name": "web"}, {"name": "x"}, 3]}', webhook, NAMING)
    assert [one.component for one in found] == ["web", "x", ""]
    assert [bool(one.refusal) for one in found] == [False, True, True]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"not json",
        b'{"alerts": NaN}',
        b'{"alerts": [{"labels": Infinity}]}',
        b"[" * 200_000,
        b'{"alerts": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"alerts": {}}',
        b"[]",
        b'{"alerts": [' + b"1" * 5000 + b"]}",
        json.dumps({"alerts": [{}] * (MOST_ALERTS + 1)}).encode(),
    ],
)
def test_what_cannot_be_meant_is_refused_as_a_whole(body: bytes) -> None:
    """No JSON, too deep, NaN, no list, numbers of thousands of digits, too many alerts."""
    with pytest.raises(Unreadable):
        alerts_in(body, None, NAMING)


@given(ANYTHING)
def test_whatever_is_sent_breaks_nothing(value: Any) -> None:
    """Any JSON in place of an alert or of a body is alerts or Unreadable, and what names nothing of ours is refused."""
    for body, webhook in (({"alerts": [value]}, None), (value, None), (value, KUMA)):
        try:
            found = alerts_in(json.dumps(body).encode(), webhook, NAMING)
        except Unreadable:
            continue
        assert all(bool(one.refusal) == (one.component not in NAMING.components) for one in found)


@pytest.mark.parametrize(
    ("path", "found"),
    [("/a/0/b~1c", 1), ("a.0.b/c", 1), ("/a/1", None), ("/a/x", None), ("/a/0/b~1c/d", None), ("/", None), ("", None)],
)
def test_pointers(path: str, found: Any) -> None:
    """RFC 6901, or words with dots; what is not there is nothing."""
    assert at({"a": [{"b/c": 1}]}, path) == found

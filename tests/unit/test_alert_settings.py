"""Channels and routes in the settings: what is wrong is named, with the nearest right name, and no secret is shown."""

from typing import Any

import pytest

from selfheal.model.alert import Severity
from selfheal.settings.file import WrongSettings, parse
from selfheal.settings.written import as_file, without_secrets

CHAT = {"kind": "slack", "url": "https://hooks.slack.example/T0/s3cr3t"}
PAGER = {"kind": "pagerduty", "routing_key": "s3cr3t"}
MAIL = {"kind": "email", "host": "mail.example.org", "sender": "a@example.org", "to": ["b@example.org"]}


def wrong(**alerts: Any) -> str:
    with pytest.raises(WrongSettings) as error:
        parse({"alerts": alerts}, source="the test")
    return str(error.value)


@pytest.mark.parametrize(
    ("alerts", "said"),
    [
        ({"channels": {"chat": {"kind": "slak"}}}, "did you mean 'slack'?"),
        (
            {"channels": {"chat": {"kind": "slack"}}},
            "channels.chat.url: is needed for a channel of kind 'slack'",
        ),
        ({"channels": {"chat": CHAT | {"routing_key": "s3cr3t"}}}, "it takes url"),
        ({"channels": {"chat": CHAT | {"url": "ftp://s3cr3t"}}}, "must begin with https:// or http://"),
        ({"channels": {"chat": CHAT | {"ulr": "x"}}}, "did you mean 'url'?"),
        ({"channels": {"mail": MAIL | {"to": []}}}, "alerts.channels.mail.to: is needed"),
        ({"channels": {"mail": MAIL | {"to": ["b@x\r\nBcc: c@x"]}}}, "alerts.channels.mail.to"),
        (
            {"channels": {"mail": MAIL | {"username": "u", "password": "s3cr3t", "security": "none"}}},
            "must not be none where a password is sent to another machine",
        ),
        (
            {"channels": {"pager": PAGER}, "routes": [{"severities": ["CRITICAL"], "channels": ["paper"]}]},
            "no channel is named 'paper'; did you mean 'pager'?",
        ),
        (
            {"channels": {"a": CHAT}, "routes": [{"severities": ["INFO"], "channels": ["a"]}] * 2},
            "another route has INFO",
        ),
        ({"webhook": "http://x/", "channels": {"webhook": CHAT}}, "name it otherwise"),
        ({"timeout": "31 s"}, "alerts.timeout"),
        ({"webhook": "http://127.0.0.1:99999/"}, "alerts.webhook: is no address"),
        ({"channels": {"chat": CHAT | {"url": "https:///s3cr3t"}}}, "alerts.channels.chat.url: is no address"),
    ],
)
def test_what_is_wrong_is_named(alerts: dict[str, Any], said: str) -> None:
    """By its place, with what to write."""
    told = wrong(**alerts)
    assert said in told
    assert "s3cr3t" not in told


def test_a_severity_without_a_route_goes_everywhere() -> None:
    """And a routed one where it is routed, in the order of the channels."""
    values = {"webhook": "http://x/", "channels": {"chat": CHAT, "pager": PAGER}}
    values["routes"] = [{"severities": ["INFO", "WARNING"], "channels": ["chat", "webhook"]}]
    rules = parse({"alerts": values}, source="the test").alerts.rules({})
    assert rules.channels_of(Severity.WARNING) == ("webhook", "chat")
    assert rules.channels_of(Severity.CRITICAL) == ("webhook", "chat", "pager")


def test_the_web_server_is_given_no_channels() -> None:
    """They make no sense without their secrets; what it is given is right all the same."""
    values = {"alerts": {"webhook": "http://x/", "channels": {"chat": CHAT}, "routes": [], "window": "1 min"}}
    public = without_secrets(values, parse(values, source="the test"))
    assert public == {"alerts": {"webhook": "http://x/", "window": "1 min"}}
    assert "s3cr3t" not in as_file(public)

"""Sends alerts to PagerDuty's Events API v2; `protocol.alerts` calls this. An episode is one incident there."""

from datetime import timedelta
from typing import Any

from selfheal.clients.alert_text import bounded, cut
from selfheal.clients.posting import post
from selfheal.model.alert import Message, MessageKind, Severity

EVENTS = "https://events.pagerduty.com/v2/enqueue"
_SUMMARY, _KEY, _SOURCE, _DETAILS = 1024, 255, 200, 128 * 1024
"""PagerDuty takes 1,024 characters of summary, 255 of a key, and 512 KB of an event."""
_SEVERITIES = {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "critical"}
_ACTIONS = {MessageKind.RESOLVED: "resolve", MessageKind.ACKNOWLEDGED: "acknowledge"}


class PagerDuty:
    """Fulfils `ports.AlertChannel`.

    Args:
        routing_key: of the integration (Events API v2) of a service.
        source: what is told as the source: the estate.
        url: of the API.
        timeout: for a delivery.
    """

    def __init__(self, *, routing_key: str, source: str, url: str = EVENTS, timeout: timedelta) -> None:
        self._routing_key, self._source, self._url, self._timeout = routing_key, source, url, timeout

    def send(self, message: Message) -> None:
        """See `ports.AlertChannel.send`; a test is an incident that is over at once."""
        self._post(message, _ACTIONS.get(message.kind, "trigger"))
        if message.kind is MessageKind.TEST:
            self._post(message, "resolve")

    def _post(self, message: Message, action: str) -> None:
        event: dict[str, Any] = {
            "routing_key": self._routing_key,
            "event_action": action,
            "dedup_key": cut(f"selfheal-{message.episode}", _KEY),
        }
        if action == "trigger":
            event |= {"client": "Selfheal", "payload": self._payload(message)}
            event |= {"client_url": message.link} if message.link else {}
        hint = "is routing_key that of an integration for Events API v2?"
        post("PagerDuty", self._url, event, timeout=self._timeout, hint=hint)

    def _payload(self, message: Message) -> dict[str, Any]:
        return {
            "summary": cut(" ".join(message.message.split()) or message.group, _SUMMARY),
            "source": cut(self._source, _SOURCE),
            "severity": _SEVERITIES[message.severity],
            "timestamp": message.created_at.isoformat(),
            "component": cut(str(message.details.get("component") or message.group), _SOURCE),
            "group": message.group,
            "class": message.dedup_key.partition("/")[0],
            "custom_details": {"key": message.dedup_key, **bounded(message, most=_DETAILS).details},
        }

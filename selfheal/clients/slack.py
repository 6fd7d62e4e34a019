"""Posts alerts to an incoming webhook of Slack; `protocol.alerts` calls this.

Slack has no key against doubles: a message that was sent twice is there twice.
"""

from datetime import timedelta

from selfheal.clients.alert_text import cut, title
from selfheal.clients.posting import post
from selfheal.model.alert import Message

_MOST = 3000
"""Slack cuts a text of a message at 40,000 characters and advises 4,000; people read less."""
_ESCAPED = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


class Slack:
    """Fulfils `ports.AlertChannel`.

    Args:
        url: of the incoming webhook; a secret.
        timeout: for a delivery.
    """

    def __init__(self, *, url: str, timeout: timedelta) -> None:
        self._url, self._timeout = url, timeout

    def send(self, message: Message) -> None:
        """See `ports.AlertChannel.send`."""
        text = _escaped(title(message, most=_MOST))
        about = _escaped(cut(f"{message.group} · {message.dedup_key}", 250))
        lines = [text, about, *([_escaped(message.link)] if message.link else [])]
        document = {"text": "\n".join(lines), "unfurl_links": False, "mrkdwn": False}
        hint = "make an incoming webhook in Slack, and write its address into url"
        post("Slack", self._url, document, timeout=self._timeout, hint=hint)


def _escaped(text: str) -> str:
    """Slack's three control characters: nobody is mentioned, and nothing is linked, by what a log said."""
    return "".join(_ESCAPED.get(one, one) for one in text)

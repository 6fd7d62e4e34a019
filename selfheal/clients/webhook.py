"""Posts alerts to a webhook as JSON; `protocol.alerts` calls this."""

from datetime import timedelta

from selfheal.clients.alert_text import bounded
from selfheal.clients.posting import post
from selfheal.model.alert import Message

_MOST = 256 * 1024


class Webhook:
    """Fulfils `ports.AlertChannel`.

    Args:
        url: http or https; what it answers with 2xx counts as delivered. Redirects are not followed.
        token: sent as a bearer token; empty for none.
        timeout: for a delivery.
    """

    def __init__(self, *, url: str, token: str = "", timeout: timedelta = timedelta(seconds=5)) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._timeout = timeout

    def send(self, message: Message) -> None:
        """See `ports.AlertChannel.send`; the id of the message is its Idempotency-Key."""
        headers = self._headers | {"Idempotency-Key": str(message.id)}
        document = bounded(message, most=_MOST).as_json()
        hint = "correct url and token of the webhook"
        post("the webhook", self._url, document, headers=headers, timeout=self._timeout, hint=hint)

"""Posts alerts to a webhook; `protocol.alerts` calls this."""

from datetime import timedelta

import httpx

from selfheal.model.alert import Alert
from selfheal.model.errors import Transient


class Webhook:
    """Fulfils `ports.AlertChannel`.

    Args:
        url: http or https; what it answers with 2xx counts as delivered. Redirects are not followed.
        token: sent as a bearer token; empty for none.
        timeout: for each step of a delivery.
    """

    def __init__(self, *, url: str, token: str = "", timeout: timedelta = timedelta(seconds=5)) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._timeout = timeout.total_seconds()

    def send(self, alert: Alert) -> None:
        """Deliver it once.

        Raises:
            Transient: it was not taken; says why, without the address, which may hold a secret.
        """
        headers = self._headers | {"Idempotency-Key": str(alert.id)}
        try:
            with httpx.Client(timeout=self._timeout, trust_env=False) as client:
                answer = client.post(self._url, json=alert.as_json(), headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Transient(f"the webhook cannot be reached: {type(error).__name__}") from error
        if not answer.is_success:
            raise Transient(f"the webhook answers {answer.status_code}")

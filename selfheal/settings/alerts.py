"""How a person is told."""

from datetime import timedelta
from typing import Self

from pydantic import SecretStr, model_validator

from selfheal.settings.values import Address, Duration, Section
from selfheal.settings.wording import Wrong


class Alerts(Section):
    """How a person is told."""

    webhook: Address = ""
    """Alerts are posted here as JSON, until it answers with 2xx; empty: they wait in the database."""
    token: SecretStr = SecretStr("")
    """Sent to the webhook as a bearer token."""
    timeout: Duration = timedelta(seconds=5)
    """For each step of a delivery."""
    unknown_after: Duration = timedelta(minutes=5)
    """A person is told when nobody could tell for so long how a component is."""

    @model_validator(mode="after")
    def _is_http(self) -> Self:
        """Nothing else takes a POST."""
        if self.webhook and not self.webhook.startswith(("http://", "https://")):
            raise Wrong("webhook", "must begin with https:// or http://")
        return self

"""The dead-man heartbeat: an outside watch that notices when we are silent."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, SecretStr

from selfheal.settings.values import Duration, Section


def _http(value: SecretStr) -> SecretStr:
    """An address of a web server, or nothing."""
    if value.get_secret_value() and not value.get_secret_value().startswith(("http://", "https://")):
        raise ValueError("must begin with http:// or https://")
    return value


class Heartbeat(Section):
    """Sent only after a dry run has passed the whole chain: database, NATS, Prefect, watchers; else it is withheld."""

    url: Annotated[SecretStr, AfterValidator(_http)] = SecretStr("")
    """What is called, outside of this machine; who knows it can send heartbeats too, so it is never shown. Empty: no
    heartbeat is sent."""
    method: Literal["GET", "POST", "HEAD"] = "GET"
    """How it is called; an answer of 2xx counts."""
    every: Duration = timedelta(minutes=1)
    """How often; let the outside watch wait for at least twice as long."""
    timeout: Duration = timedelta(seconds=10)
    """Of one call."""

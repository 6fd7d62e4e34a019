"""One call that an action may make: how caches are cleared, or garbage is collected."""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from selfheal.model.check import LONGEST_CALL, Call
from selfheal.settings.values import PLAIN, Address, Duration, Section, login
from selfheal.settings.wording import Wrong


class CallSettings(Section):
    """What is sent to a component: one HTTP call, or one NATS message."""

    url: Address
    """`http://` or `https://` for a call; `nats://` for a message."""
    method: Literal["POST", "PUT", "DELETE"] = "POST"
    """Of the call."""
    subject: Annotated[str, Field(pattern=r"^([A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*)?$", max_length=200)] = ""
    """Of the message."""
    body: Annotated[str, Field(max_length=4096), PLAIN] = ""
    """Of the call or the message."""
    token: SecretStr = SecretStr("")
    """Sent with the call as a bearer token; never shown."""
    username: str = ""
    """For the broker."""
    password: SecretStr = SecretStr("")
    """The same; never shown."""
    timeout: Duration = timedelta(seconds=5)
    """It has failed when it takes longer; at most 60 s."""

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        """A message has a broker and a subject, a call has neither."""
        if not self.url.startswith(("http://", "https://", "nats://")):
            raise Wrong("url", "must begin with http://, https:// or nats://")
        if self.url.startswith("nats://") != bool(self.subject):
            raise Wrong("subject", "belongs to a url that begins with nats://, which needs one")
        if self.timeout > LONGEST_CALL:
            raise Wrong("timeout", "must be at most 60 s")
        if self.subject and self.token.get_secret_value():
            raise Wrong("token", "belongs to an HTTP call; a broker takes username and password")
        return self

    def call(self) -> Call:
        """The same as the domain knows it."""
        return Call(
            url=self.url,
            method=self.method,
            subject=self.subject,
            body=self.body,
            token=self.token.get_secret_value(),
            credentials=login(self.username, self.password),
            timeout=self.timeout,
        )

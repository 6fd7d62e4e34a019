"""How a person is told."""

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator

from selfheal.model.alert import Severity
from selfheal.model.alert_rules import Rules
from selfheal.policy.alert_retries import Patience
from selfheal.policy.names import nearest
from selfheal.settings.values import Address, ComponentName, Duration, Section
from selfheal.settings.wording import Wrong

SIMPLE = "webhook"
"""The name of the channel that the setting `webhook` is."""
_HTTP = ("http://", "https://")
_NEEDS = {
    "webhook": ("url",),
    "slack": ("url",),
    "pagerduty": ("routing_key",),
    "email": ("host", "sender", "to"),
}
_TAKES = {
    "webhook": {"url", "token"},
    "slack": {"url"},
    "pagerduty": {"routing_key", "events_url"},
    "email": {"host", "port", "security", "username", "password", "sender", "to"},
}
_MAILBOX = r"^[^@\s<>,]{1,64}@[^@\s<>,]{1,255}$"


class Channel(Section):
    """One way to tell people."""

    kind: Literal["webhook", "slack", "pagerduty", "email"]
    """What it is: a webhook that gets JSON, an incoming webhook of Slack, PagerDuty's Events API v2, or e-mail."""
    url: SecretStr = SecretStr("")
    """webhook, slack: where it is posted to. It is kept secret, for Slack's is."""
    token: SecretStr = SecretStr("")
    """webhook: sent as a bearer token."""
    routing_key: SecretStr = SecretStr("")
    """pagerduty: the integration key of a service."""
    events_url: Address = "https://events.pagerduty.com/v2/enqueue"
    """pagerduty: where events are sent; Europe's is `https://events.eu.pagerduty.com/v2/enqueue`."""
    host: str = ""
    """email: the server that takes the mail."""
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    """email: its port."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """email: how the connection is encrypted; `none` is for a server on this machine."""
    username: str = ""
    """email: for its login; empty: there is none."""
    password: SecretStr = SecretStr("")
    """email: of that login."""
    sender: Annotated[str, Field(pattern=rf"^$|{_MAILBOX}")] = ""
    """email: the address that it comes from."""
    to: tuple[Annotated[str, Field(pattern=_MAILBOX)], ...] = ()
    """email: the addresses that it goes to."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        """It has what its kind needs, and nothing that belongs to another one."""
        given = {name for name in self.model_fields_set if name != "kind"}
        for name in _NEEDS[self.kind]:
            if not _text(getattr(self, name)):
                raise Wrong(name, f"is needed for a channel of kind {self.kind!r}")
        for name in sorted(given - _TAKES[self.kind]):
            raise Wrong(name, f"is nothing for a channel of kind {self.kind!r}; it takes {_list(_TAKES[self.kind])}")
        for name in ("url", "events_url"):
            _check_address(name, _text(getattr(self, name)))
        if self.password.get_secret_value() and self.username and self.security == "none" and not _is_here(self.host):
            raise Wrong("security", "must not be none where a password is sent to another machine")
        return self


class Route(Section):
    """Which channels alerts of some severities go to."""

    severities: Annotated[tuple[Literal["INFO", "WARNING", "CRITICAL"], ...], Field(min_length=1)]
    """Of these alerts."""
    channels: tuple[str, ...]
    """They go to these; none: nobody is told."""


class Alerts(Section):
    """How a person is told."""

    withheld: ClassVar[frozenset[str]] = frozenset({"channels", "routes"})

    webhook: Address = ""
    """The simplest channel, called `webhook`: alerts are posted here as JSON. Without any channel they wait in the
    database."""
    token: SecretStr = SecretStr("")
    """Sent to the webhook as a bearer token."""
    timeout: Annotated[Duration, Field(le=timedelta(seconds=30))] = timedelta(seconds=5)
    """For a delivery, at most 30 s: what takes longer than its process has for it would be sent twice. Of an e-mail for
    each step, and 90 s for all of them."""
    channels: dict[ComponentName, Channel] = Field(default_factory=dict)
    """Further ways to tell people, each a table of its own."""
    routes: tuple[Route, ...] = ()
    """Which severity goes where. A severity that no route names goes to every channel."""
    window: Duration = timedelta(minutes=5)
    """Alerts of one group (their kind, and the group of their component) and severity are told together: within this
    time so many by a message of their own, and the rest by one summary at its end."""
    singles: Annotated[int, Field(ge=1, le=100)] = 3
    """So many alerts of a group are told by a message of their own within the window."""
    remind: Duration = timedelta(hours=1)
    """What is CRITICAL, still open, and acknowledged by nobody is told again after this time."""
    refusals: Annotated[int, Field(ge=1, le=20)] = 5
    """A delivery that the channel refuses (a wrong key, a wrong password) is tried so often, then it is FAILED."""
    give_up: Duration = timedelta(days=3)
    """A delivery to a channel that cannot be reached is tried for this long, then it is FAILED."""
    keep: Duration = timedelta(days=90)
    """Alerts that are over, their messages and deliveries are kept for this long."""
    database_after: Duration = timedelta(seconds=20)
    """When Selfheal's own database was away for so long, people are told without it."""
    unknown_after: Duration = timedelta(minutes=5)
    """A person is told when nobody could tell for so long how a component is."""

    @model_validator(mode="after")
    def _refers(self) -> Self:
        """Routes name channels that there are, and each severity once."""
        _check_address("webhook", self.webhook)
        if self.webhook and SIMPLE in self.channels:
            raise Wrong(f"channels.{SIMPLE}", "is what the setting webhook is called; name it otherwise")
        seen: set[str] = set()
        for number, route in enumerate(self.routes):
            for name in route.channels:
                if name not in self.names():
                    raise Wrong(
                        f"routes.{number}.channels", f"no channel is named {name!r}{nearest(name, self.names())}"
                    )
            if twice := sorted(seen & set(route.severities)):
                raise Wrong(f"routes.{number}.severities", f"another route has {twice[0]}")
            seen |= set(route.severities)
        return self

    def names(self) -> list[str]:
        """Of all channels."""
        return [*([SIMPLE] if self.webhook else []), *self.channels]

    def rules(self, groups: Mapping[str, str]) -> Rules:
        """What goes where, as the domain knows it.

        Args:
            groups: the group of each component.
        """
        return Rules(
            channels=self.names(),
            routes={Severity(one): route.channels for route in self.routes for one in route.severities},
            window=self.window,
            singles=self.singles,
            remind=self.remind,
            groups=groups,
        )

    def patience(self) -> Patience:
        """How long a channel is tried."""
        return Patience(refusals=self.refusals, give_up=self.give_up)


def _check_address(name: str, value: str) -> None:
    """Where something can be posted to, if there is anything."""
    if value and not value.startswith(_HTTP):
        raise Wrong(name, "must begin with https:// or http://")
    try:
        parts = urlsplit(value)
        named = bool(parts.hostname) and parts.port != 0  # asking for the port raises where there is no such
    except ValueError:
        named = False
    if value and not named:
        raise Wrong(name, "is no address; it is like https://HOST:PORT/PATH, with a port up to 65535")


def _text(value: Any) -> Any:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def _list(names: Collection[str]) -> str:
    return ", ".join(sorted(names))


def _is_here(host: str) -> bool:
    return host in {"localhost", "127.0.0.1", "::1"}

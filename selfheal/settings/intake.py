"""Alerts of other systems: who may send them, and how they name our components."""

from collections.abc import Collection
from datetime import timedelta
from typing import Annotated, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from selfheal.model.errors import Permanent
from selfheal.model.external_alert import Naming, Webhook
from selfheal.policy.intake import ALERTMANAGER
from selfheal.policy.json_body import steps_of
from selfheal.policy.names import nearest
from selfheal.settings.values import Broker, ComponentName, Duration, Section, Subject, WebSecret, login
from selfheal.settings.wording import Wrong


def _pointer(value: str) -> str:
    """A pointer that leads somewhere: with a step between any two of its slashes or dots."""
    if value and not all(steps_of(value)):
        raise ValueError('must name its place step by step, like "/monitor/name" or "monitor.name"')
    return value


_POINTER = Annotated[str, Field(max_length=200), AfterValidator(_pointer)]


class WebhookSettings(Section):
    """How the JSON is read that is sent to `/intake/webhooks/NAME`: by JSON pointers or dotted paths."""

    component: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_pointer)]
    """Where the name of the component stands, like `/monitor/name` or `monitor.name`."""
    reason: _POINTER = ""
    """Where it says why."""
    severity: _POINTER = ""
    """Where it says how urgent it is: critical, error or high; info or low; anything else is in between."""
    id: _POINTER = ""
    """Where it says what it knows the alert by; empty: one alert for each component."""
    resolved: _POINTER = ""
    """Where it says that the alert is over: true, resolved, ok, up, recovered, closed, normal, inactive."""
    items: _POINTER = ""
    """Where the list of alerts stands, if a body holds several; the others then count from each of them."""

    secret: WebSecret = WebSecret("")
    """Its sender signs each body with this (HMAC-SHA-256, header `X-Hub-Signature-256: sha256=HEX`) and shows no token;
    never shown. Empty: it needs a token."""

    def webhook(self) -> Webhook:
        """The same for the domain."""
        return Webhook(
            component=self.component,
            reason=self.reason,
            severity=self.severity,
            id=self.id,
            resolved=self.resolved,
            items=self.items,
        )


class NatsIntake(Section):
    """A NATS subject on which alerts come in; the watchers subscribe."""

    url: Broker = ""
    """The broker, like `nats://127.0.0.1:4222`; empty: there is none."""
    username: str = ""
    """For the broker."""
    password: SecretStr = SecretStr("")
    """The same; never shown."""
    subject: Subject = "selfheal.intake"
    """What is subscribed. A message that asks for an answer gets one when its alerts are kept."""
    queue: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,50}$")] = "selfheal"
    """The queue group: each message goes to one watcher."""
    webhook: str = ""
    """How its messages are read: one of the webhooks; empty: as Alertmanager's."""

    @property
    def credentials(self) -> tuple[str, str] | None:
        """User and password for the broker."""
        return login(self.username, self.password)


class Intake(Section):
    """Alerts of other systems. One only suggests a heal: the component's own probe must confirm it."""

    labels: Annotated[tuple[Annotated[str, Field(min_length=1, max_length=100)], ...], Field(min_length=1)] = (
        "component",
    )
    """The labels of Alertmanager's alerts that name a component; the first that an alert has counts."""
    aliases: dict[str, ComponentName] = Field(default_factory=dict)
    """Our names by theirs, where they differ: `{ "agogsaas-app-backend" = "backend" }`."""
    senders: frozenset[str] = frozenset()
    """Whose tokens may send alerts although their role is viewer; an operator's may anyway."""
    quiet: Duration = timedelta(hours=5)
    """An open alert that was not delivered again for so long is over. Longer than Alertmanager's `repeat_interval`."""

    webhooks: dict[ComponentName, WebhookSettings] = Field(default_factory=dict)
    """The senders of other JSON than Alertmanager's, each a table of its own."""
    nats: NatsIntake = NatsIntake()
    """A subject on which alerts come in."""

    @model_validator(mode="after")
    def _named(self) -> Self:
        """Each name means one thing."""
        if ALERTMANAGER in self.webhooks:
            raise Wrong(f"webhooks.{ALERTMANAGER}", "is built in, at /intake/alertmanager; take another name")
        if self.nats.webhook and self.nats.webhook not in self.webhooks:
            raise Wrong("nats.webhook", f"no webhook is named {self.nats.webhook!r}")
        return self

    def webhook(self, name: str) -> Webhook | None:
        """How bodies of this name are read; None: as Alertmanager's.

        Raises:
            Permanent: there is no webhook of that name.
        """
        if name == ALERTMANAGER:
            return None
        if name not in self.webhooks:
            raise Permanent(f"no webhook is named {name[:60]!r}{nearest(name[:60], self.webhooks)}")
        return self.webhooks[name].webhook()

    def secret(self, name: str) -> bytes:
        """What bodies of this name are signed with; empty: they come with a token."""
        found = self.webhooks.get(name)
        return b"" if found is None else found.secret.get_secret_value().encode()

    def naming(self, components: Collection[str]) -> Naming:
        """How alerts name these components."""
        return Naming(labels=self.labels, aliases=self.aliases, components=components)

"""Wires what tells people: channels, the outbox, and the spool for the time without a database."""

from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import Engine

from selfheal.clients.alert_spool import AlertSpool
from selfheal.clients.clock import SystemClock
from selfheal.clients.linked import Linked
from selfheal.clients.mail import Mail, MailServer
from selfheal.clients.pagerduty import PagerDuty
from selfheal.clients.slack import Slack
from selfheal.clients.webhook import Webhook
from selfheal.model.web_address import WebAddress
from selfheal.ports import AlertChannel, Clock
from selfheal.protocol.alerts import Telling
from selfheal.protocol.emergency import Emergency
from selfheal.settings.alerts import SIMPLE, Channel
from selfheal.settings.estate import Settings
from selfheal.store.deliveries import Deliveries
from selfheal.store.outbox import Outbox


def telling_of(settings: Settings, engine: Engine, *, spool: str, web: WebAddress | None = None) -> Telling:
    """What each turn tells people with.

    Args:
        settings: of the estate.
        engine: the database.
        spool: its folder; empty: there is none.
        web: our pages as people reach them; None: as the settings say.
    """
    return Telling(
        Outbox(engine),
        Deliveries(engine),
        channels=channels_of(settings, web),
        rules=settings.alerts.rules(_groups(settings)),
        patience=settings.alerts.patience(),
        spool=_spool(spool),
    )


def emergency_of(settings: Settings, *, spool: str, clock: Clock | None = None) -> Emergency:
    """What tells people while the database is away; without a link, since no page is shown then."""
    return Emergency(
        _spool(spool),
        channels=channels_of(settings, WebAddress()),
        rules=settings.alerts.rules(_groups(settings)),
        clock=clock or SystemClock(),
        after=settings.alerts.database_after,
    )


def channels_of(settings: Settings, web: WebAddress | None = None) -> Mapping[str, AlertChannel]:
    """Every channel by its name.

    Args:
        settings: of the estate.
        web: our pages as people reach them, to which each message links; None: as the settings say.
    """
    alerts, web = settings.alerts, web or WebAddress(base=settings.web.public_url.rstrip("/"))
    simple = Webhook(url=alerts.webhook, token=alerts.token.get_secret_value(), timeout=alerts.timeout)
    named = {name: _channel(one, settings) for name, one in alerts.channels.items()}
    bare = ({SIMPLE: simple} if alerts.webhook else {}) | named
    return {name: Linked(one, web) for name, one in bare.items()}


def _channel(one: Channel, settings: Settings) -> AlertChannel:
    timeout = settings.alerts.timeout
    if one.kind == "webhook":
        return Webhook(url=one.url.get_secret_value(), token=one.token.get_secret_value(), timeout=timeout)
    if one.kind == "slack":
        return Slack(url=one.url.get_secret_value(), timeout=timeout)
    if one.kind == "pagerduty":
        source = f"selfheal {settings.estate}"
        key = one.routing_key.get_secret_value()
        return PagerDuty(routing_key=key, source=source, url=one.events_url, timeout=timeout)
    server = MailServer(
        host=one.host,
        port=one.port,
        security=one.security,
        username=one.username,
        password=one.password.get_secret_value(),
        timeout=timeout,
    )
    return Mail(server=server, sender=one.sender, to=one.to)


def _groups(settings: Settings) -> Mapping[str, str]:
    return {name: one.group for name, one in settings.components.items() if one.group}


def _spool(folder: str) -> AlertSpool | None:
    return AlertSpool(Path(folder)) if folder else None

"""`selfheal alerts test`: a message that says that nothing has happened, to one channel or to all."""

import sys
from collections.abc import Mapping
from datetime import UTC, datetime

from uuid6 import uuid7

from console.failure import BAD_NEWS, FINE, WrongUsage
from console.output import Cell, Section, show
from console.pause import operator
from console.place import Output, Place
from selfheal.model.alert import Message, MessageKind, Severity
from selfheal.model.errors import SelfhealError
from selfheal.model.web_address import WebAddress
from selfheal.policy.names import nearest
from selfheal.ports import AlertChannel
from selfheal.settings.alerts import Channel
from selfheal.settings.estate import Settings
from selfheal.store.deliveries import Deliveries
from selfheal.store.engine import open_engine
from selfheal.wiring.alerts import channels_of

COLUMNS = ("channel", "kind", "result", "detail")


def test(place: Place, only: str, *, dry_run: bool, output: Output) -> int:
    """Send it, and say what became of it; 1 where a channel did not take it.

    Raises:
        WrongUsage: there is no such channel, or none at all.
    """
    settings = place.settings()
    channels = channels_of(settings, _web(place, settings))
    if not channels:
        raise WrongUsage("the settings name no channel", hint="see [alerts] in docs/alerts.md")
    if only and only not in channels:
        raise WrongUsage(f"no channel is named {only[:50]!r}{nearest(only, channels)}", hint="see [alerts.channels]")
    chosen = {name: one for name, one in channels.items() if only in {"", name}}
    rows = [_tried(place, name, one, settings, dry_run=dry_run) for name, one in chosen.items()]
    show([Section(name="channels", columns=COLUMNS, rows=rows)], output=output)
    return BAD_NEWS if any(row["result"] == "problem" for row in rows) else FINE


def _tried(place: Place, name: str, channel: AlertChannel, settings: Settings, *, dry_run: bool) -> Mapping[str, Cell]:
    row: dict[str, Cell] = {"channel": name, "kind": _kind(settings.alerts.channels.get(name))}
    if dry_run:
        return row | {"result": "ok", "detail": "it would be sent a test"}
    message, error = _message(), ""
    try:
        error = channel.send(message) or ""
    except SelfhealError as failed:
        error = str(failed)
    _record(place, message, name, error)
    return row | {"result": "problem" if error else "ok", "detail": error or "it took the test"}


def _message() -> Message:
    made = uuid7()
    return Message(
        id=made,
        kind=MessageKind.TEST,
        severity=Severity.INFO,
        group="test",
        dedup_key=f"test/{made}",
        episode=made,
        message=f"a test by {operator()}: nothing has happened",
        created_at=datetime.now(UTC),
    )


def _record(place: Place, message: Message, channel: str, error: str) -> None:
    """List it with the other deliveries; a stack that does not run tests its channels all the same."""
    try:
        engine = open_engine(place.database_url(), pool_size=1)
        try:
            Deliveries(engine).record(message, channel, error=error)
        finally:
            engine.dispose()
    except SelfhealError as failed:
        sys.stderr.write(f"the test of {channel} is not listed: {failed.message}\n")


def _web(place: Place, settings: Settings) -> WebAddress:
    """Where the messages of the stack that runs here link to; without one, where its settings say."""
    running = place.running()
    return WebAddress(base=settings.web.public_url.rstrip("/") or (running.urls.get("web", "") if running else ""))


def _kind(channel: Channel | None) -> str:
    return "webhook" if channel is None else channel.kind

"""Gives each message the address of the page of ours that tells more; `wiring.alerts` puts it before every channel."""

from dataclasses import replace

from selfheal.model.alert import Message
from selfheal.model.web_address import WebAddress
from selfheal.ports import AlertChannel


class Linked:
    """Fulfils `ports.AlertChannel`.

    Args:
        channel: what it is sent by.
        web: our pages as people reach them.
    """

    def __init__(self, channel: AlertChannel, web: WebAddress) -> None:
        self._channel, self._web = channel, web

    def send(self, message: Message) -> str | None:
        """See `ports.AlertChannel.send`."""
        return self._channel.send(replace(message, link=self._web.about(message.dedup_key)))

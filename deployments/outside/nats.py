"""A NATS server by its url; `stack` makes of it what is waited for instead of a part."""

from dataclasses import dataclass, field
from datetime import timedelta

from selfheal.model.errors import Permanent
from selfheal.settings.servers import NatsServer

PATIENCE = timedelta(seconds=3)


@dataclass(frozen=True, kw_only=True)
class OutsideNats:
    """One server of somebody else's."""

    url: str
    user: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def of(cls, settings: NatsServer) -> "OutsideNats":
        """The server that the settings name."""
        return cls(url=settings.url, user=settings.username, password=settings.password.get_secret_value())

    @property
    def where(self) -> str:
        """The address, without credentials."""
        return self.url

    def ready(self) -> bool:
        """Say that it lets us in and answers a flush; says why not.

        Raises:
            Transient: it is away.
            Permanent: it does not accept the user or the password.
        """
        from selfheal.clients.nats import NatsBroker  # noqa: PLC0415  keeps the reading commands fast

        try:
            NatsBroker().ping(self.url, credentials=(self.user, self.password) if self.user else None, timeout=PATIENCE)
        except Permanent as error:
            raise Permanent(
                error.message, hint="set nats.url, nats.username and nats.password to the server's"
            ) from error
        return True

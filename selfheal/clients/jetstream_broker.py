"""One JetStream broker, asked over a new connection each time: the `jetstream_*` clients call this."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from selfheal.clients.jetstream_api import JetStreamApi
from selfheal.clients.nats import asked, connected, told
from selfheal.model.errors import Transient

T = TypeVar("T")


class JetStreamBroker:
    """One broker, asked over a new connection each time.

    Args:
        url: where it listens.
        credentials: user and password, or None.
        timeout: a call that takes longer has failed.
    """

    def __init__(self, url: str, credentials: tuple[str, str] | None, timeout: timedelta) -> None:
        self._url = url
        self._credentials = credentials
        self._timeout = timeout

    def ask(self, work: Callable[[JetStreamApi], Awaitable[T]], *, times: int = 1) -> T:
        """The work's result; it may take so many times what one call may.

        Raises:
            Transient: the broker does not answer, or has no JetStream.
            Permanent: it does not let us in, or refuses.
        """
        errors: list[Exception] = []
        try:
            return asked(self._url, lambda: self._over(work, errors), self._timeout, times=times)
        except Transient as error:
            if errors:  # what we may not publish is not answered
                raise told(errors[-1], self._url) from error
            raise

    async def _over(self, work: Callable[[JetStreamApi], Awaitable[T]], errors: list[Exception]) -> T:
        seconds = self._timeout.total_seconds()
        async with connected(self._url, self._credentials, seconds, name="selfheal-workflows", errors=errors) as client:
            return await work(JetStreamApi(client, seconds, errors))

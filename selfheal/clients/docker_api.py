"""One call to a Docker engine through docker-py, bounded in time; only `clients.docker` calls this, lazily.

Each call has a client, and so a connection, of its own: that costs half a millisecond, needs no care with threads,
forks and restarts of the engine, and docker-py bounds a call by its client's time-out.
"""

import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from docker import APIClient
from docker.errors import APIError, DockerException, NotFound
from docker.transport import unixconn
from requests import Response
from requests.exceptions import InvalidJSONError, RequestException, Timeout
from urllib3.exceptions import HTTPError
from urllib3.exceptions import TimeoutError as WireTimeout

from selfheal.clients.docker_state import Gone
from selfheal.model.errors import Permanent, SelfhealError, Transient

T = TypeVar("T")
_log = logging.getLogger(__name__)

FAILURES = (DockerException, RequestException, HTTPError, OSError, ValueError)
"""Whatever docker-py lets through of its own errors and of the libraries below it."""
IDLE_SECONDS = 30.0
"""A stream that is silent for so long is begun anew: the engine may be frozen."""
CONFLICT = 409


class _Bounded(APIClient):  # type: ignore[misc]  # docker-py has no types
    """Docker-py's client, which would wait for events for ever, and keeps no header.

    Attributes:
        told_at: the engine's own time of its last answer, to the second; ours where it tells none.
    """

    def __init__(self, **options: Any) -> None:
        self.told_at = datetime.now(UTC)
        super().__init__(**options)
        self.hooks["response"].append(self._note_time)

    def get(self, url: str, **options: Any) -> Any:
        if options.get("timeout") is None:
            options["timeout"] = self.timeout
        return super().get(url, **options)

    def _note_time(self, response: Response, **_: Any) -> None:
        try:
            self.told_at = parsedate_to_datetime(response.headers["Date"])
        except (KeyError, ValueError):  # some proxy's answer
            self.told_at = datetime.now(UTC)


class _Connection(unixconn.UnixHTTPConnection):  # type: ignore[misc]  # docker-py has no types
    """docker-py's, which leaves its socket open where it could not be connected: an engine may go at any moment."""

    def connect(self) -> None:
        wire = socket.socket(socket.AF_UNIX)
        try:
            wire.settimeout(self.timeout)
            wire.connect(self.unix_socket)
        except OSError:
            wire.close()
            raise
        self.sock = wire


unixconn.UnixHTTPConnection = _Connection  # its pool names the class, and can be given no other


class Api:
    """The way to one engine; any number of threads may use it, also after a fork.

    Args:
        url: `unix:///PATH` or `tcp://HOST:PORT`.
        seconds: bounds each call that does not bring its own time.
    """

    def __init__(self, url: str, seconds: float) -> None:
        self._url, self._seconds = url, seconds
        self._version = ""

    def call(self, what: str, ask: Callable[[APIClient], T], *, seconds: float | None = None) -> T:
        """The engine's answer.

        Args:
            what: what is asked, for a person.
            ask: makes the call.
            seconds: bounds it, besides what docker-py allows for a stop.

        Raises:
            Gone: the engine knows no such container.
            Transient: the engine is away, frozen or busy with the same container.
            Permanent: it refuses, it does not let us in, or what listens there is no Docker engine.
        """
        bound = seconds or self._seconds
        try:
            with closing(self._client(bound)) as client:
                return ask(client)
        except FAILURES as error:
            raise self._told(error, what, bound) from error

    def told(self, what: str, ask: Callable[[APIClient], T]) -> tuple[T, datetime]:
        """The same as `call`, and the engine's own time of its answer: an engine elsewhere has another clock."""
        return self.call(what, lambda client: (ask(client), client.told_at))

    def subscribe(self, actions: list[str]) -> "Stream":
        """A stream of container events that has begun when this returns."""
        self.call("a ping", lambda client: client.ping())
        client: APIClient | None = None
        try:
            client = self._client(IDLE_SECONDS)
            return Stream(client, client.events(decode=True, filters={"type": "container", "event": actions}))
        except FAILURES as error:
            if client is not None:
                client.close()
            raise self._told(error, "its events", IDLE_SECONDS) from error

    def follow_log(self, container_id: str, since: int) -> "Stream":
        """A container's log from a second on, with times, as the engine sends it."""
        client: APIClient | None = None
        try:
            client = self._client(IDLE_SECONDS)
            said = client.logs(container_id, stream=True, follow=True, timestamps=True, since=since)
            return Stream(client, said)
        except FAILURES as error:
            if client is not None:
                client.close()
            raise self._told(error, "its log", IDLE_SECONDS) from error

    def _client(self, seconds: float) -> APIClient:
        """A client for one call; the engine's version is asked for once."""
        if not self._version:
            with closing(_Bounded(base_url=self._url, version="auto", timeout=self._seconds)) as client:
                self._version = str(client.api_version)
        return _Bounded(base_url=self._url, version=self._version, timeout=seconds)

    def _told(self, error: Exception, what: str, seconds: float) -> SelfhealError:
        """What went wrong, in words, and whether to try again."""
        if isinstance(error, APIError):
            return _refused(error, what)
        self._version = ""  # an engine of another version may answer next time
        causes = list(_causes(error))
        if any(isinstance(cause, Timeout | WireTimeout | TimeoutError) for cause in causes):
            return Transient(
                f"the Docker engine at {self._url} did not answer {what} within {seconds:g} s",
                hint="see whether dockerd is frozen or very busy",
            )
        if any(isinstance(cause, PermissionError) for cause in causes):
            return Permanent(
                f"we may not open the Docker engine's socket {self._url}",
                hint="add our user to the group that owns it (often `docker`) and log in anew, or run this as root",
            )
        if any(isinstance(cause, OSError) and not isinstance(cause, InvalidJSONError) for cause in causes):
            return Transient(f"no Docker engine answers at {self._url}", hint="start dockerd, or correct docker.url")
        return Permanent(f"what listens at {self._url} does not answer as a Docker engine does: {error}"[:300])


class Stream:
    """Container events, or a log, as the engine sends them; see `ports.Changes` and `ports.logs.LogStream`."""

    def __init__(self, client: APIClient, events: Any) -> None:
        self._client, self._events = client, events

    def __iter__(self) -> Iterator[Any]:
        try:
            yield from self._events
        except (
            FAILURES
        ) as error:  # broken off in the middle is an end like any other: whoever reads lists anew after each
            _log.debug("a stream of the Docker engine was broken off: %s", error)

    def close(self) -> None:
        """End the stream, whoever reads it."""
        try:
            self._events.close()
        except (OSError, AttributeError) as error:  # it has ended already: docker-py then finds no socket to close
            _log.debug("a stream of the Docker engine had ended before it was closed: %s", error)
        finally:
            self._client.close()


def _refused(error: APIError, what: str) -> SelfhealError:
    """The engine's own refusal in words."""
    said = str(error.explanation or error)[:500]
    if isinstance(error, NotFound):
        return Gone(f"Docker knows no such container: {said}", hint="it was removed, perhaps created anew")
    if error.status_code == CONFLICT:
        return Transient(f"Docker is busy with the same container and refused {what}: {said}")
    return Permanent(f"Docker refused {what}: {said}", hint="see the engine's log")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it was made of: docker-py and requests hide the cause in causes and arguments."""
    if error is None:
        return
    yield error
    for inner in error.args:
        if isinstance(inner, BaseException):
            yield from _causes(inner)
    yield from _causes(error.__cause__ or error.__context__)

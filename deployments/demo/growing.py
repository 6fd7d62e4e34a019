"""Lets the demo's growing services stand where their written past ends; `selfheal demo --foretold` calls this."""

import http.client
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime

from deployments.demo.estate import Estate
from deployments.demo.past import past_of
from selfheal.model.errors import Permanent, Transient
from selfheal.model.health import Measured


def write_past(estate: Estate, write: Callable[[Sequence[Measured]], object], *, now: datetime) -> None:
    """Write the days behind every growing service, then let it stand where they end.

    Args:
        estate: running.
        write: the way into `health_history`.
        now: the end of these days.

    Raises:
        Transient: a service or the database does not answer (yet); it may be tried again as a whole only before
            anything was written, so all services are asked first.
        Permanent: a service does not take its figures.
    """
    for name in estate.hoarders:
        _ask(estate, name, "GET", "/memory")
    pasts = {name: past_of(name, now=now) for name in estate.hoarders}
    write([row for past in pasts.values() for row in past.rows])
    for name, past in pasts.items():
        _ask(estate, name, "POST", "/figures", json.dumps(asdict(past.figures)))


def _ask(estate: Estate, name: str, method: str, path: str, body: str | None = None) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", estate.ports[name], timeout=5)
    try:
        connection.request(method, path, body)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        raise Transient(f"{name} does not answer: {error}", hint="wait until it is started") from error
    finally:
        connection.close()
    if status != http.client.OK:
        raise Permanent(f"{name} answered {status} to {method} {path}", hint="see its log")

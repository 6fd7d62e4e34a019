"""Collects all families for one scrape: a few statements, as the caller may see the rows."""

from collections.abc import Iterator
from datetime import UTC, datetime

from prometheus_client.core import Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from console.metrics.counted import counted
from console.metrics.known import Known
from console.metrics.measured import WITHIN, components, mechanisms, outcome
from console.web.services import Services

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4


class Scrape(Collector):
    """One scrape.

    Args:
        services: of the request.
    """

    def __init__(self, services: Services) -> None:
        self._services = services

    def collect(self) -> Iterator[Metric]:
        """Every family; raises `Transient` where the database does not answer."""
        estate, settings = self._services.estate, self._services.settings
        catalogue = settings.catalogue()
        known = Known(actions=frozenset(estate.modes_by_settings()), components=frozenset(catalogue))
        yield from counted(self._services.samples.now(), known)
        yield from outcome(estate.rates.rates(within=WITHIN))
        yield from components(estate.health.latest(), catalogue, now=datetime.now(UTC), sweep=settings.watching.sweep)
        yield from mechanisms(estate.mechanisms.all(), estate.health.watches())

    def text(self) -> bytes:
        """In Prometheus' text format 0.0.4."""
        return generate_latest(self)

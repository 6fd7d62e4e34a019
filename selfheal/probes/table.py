"""Every probe, by the word that settings use for it. Bootstrap builds the table with the real clients."""

from collections.abc import Mapping

from selfheal.model.component import ProbeKind
from selfheal.ports import BrokerClient, Clock, HttpClient, Probe
from selfheal.probes.container import ContainerProbe
from selfheal.probes.http import HttpProbe
from selfheal.probes.nats import NatsProbe
from selfheal.probes.process import ProcessProbe


def probe_table(*, http: HttpClient, broker: BrokerClient, clock: Clock) -> Mapping[ProbeKind, Probe]:
    """One probe per kind."""
    return {
        ProbeKind.HTTP: HttpProbe(http, clock),
        ProbeKind.NATS: NatsProbe(broker, clock),
        ProbeKind.PROCESS: ProcessProbe(clock),
        ProbeKind.CONTAINER: ContainerProbe(clock),
    }

"""Wires agent-health: the host that we run on, and the NATS server that its agents talk over. Bootstrap calls it."""

import os
from pathlib import Path

from sqlalchemy import Engine

from selfheal.clients.host import Host
from selfheal.clients.nats_listener import NatsListener
from selfheal.policy.catalogue import HOST
from selfheal.policy.hearing import METRIC
from selfheal.ports import BrokerClient, Clock
from selfheal.protocol.host_watch import Broker, HostWatch
from selfheal.settings.estate import Settings
from selfheal.store.health import HealthHistory
from selfheal.store.hosts import Hosts
from selfheal.watch.hearing import Hearing


def host_of(settings: Settings, engine: Engine, *, broker: BrokerClient, clock: Clock) -> HostWatch:
    """What agent-health needs. The data folder is where the settings of this process lie."""
    wanted, request_file = settings.agent_health, _path(settings.workflows.request_file)
    own = str(Path(os.environ.get("SELFHEAL_CONFIG") or ".").expanduser().absolute().parent)
    return HostWatch(
        name=wanted.host,
        limits=wanted.limits(),
        files=tuple(dict.fromkeys(one for one in (request_file, *map(_path, wanted.files)) if one)),
        request_file=request_file,
        disks=tuple(dict.fromkeys((own, *wanted.disks))),
        host=Host(),
        broker=_broker(settings, broker),
        store=Hosts(engine),
        component=settings.catalogue()[HOST],
        allow=frozenset(settings.healing.allow),
        clock=clock,
    )


def hearing_of(settings: Settings, host: HostWatch, health: HealthHistory, *, clock: Clock) -> Hearing:
    """What application-health hears of agent-health; nothing where no component is the server it publishes to."""
    broker = host.broker
    if broker is None:
        return Hearing()
    ours = frozenset(name for name, one in settings.catalogue().items() if one.url == broker.url)
    if not ours:
        return Hearing()
    listener = NatsListener(
        broker.url,
        credentials=broker.credentials,
        subject=broker.health_subject,
        timeout=broker.timeout,
        clock=clock,
    )
    return Hearing(listener, components=ours, kept=lambda name: health.newest(name, METRIC))


def _broker(settings: Settings, client: BrokerClient) -> Broker | None:
    """The server of these settings, or that of the workflows."""
    wanted, workflows = settings.agent_health, settings.workflows
    if not wanted.url and not workflows.there_are:
        return None
    url = wanted.url or workflows.url
    return Broker(
        client=client,
        url=url,
        credentials=wanted.credentials if wanted.url else workflows.credentials,
        timeout=wanted.timeout,
        health_subject=wanted.health_subject,
        metrics_subject=wanted.metrics_subject,
        watched=any(one.url == url for one in settings.components.values()),
    )


def _path(written: str) -> str:
    return str(Path(written).expanduser().absolute()) if written else ""

"""agent-health step by step: look at the host, keep it, publish it, raise what can be healed, tell what cannot.

Each step can be done again: what was told is not told twice, and a look that could not be kept waits for the next.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from uuid6 import uuid7

from selfheal.model.component import Component
from selfheal.model.errors import SelfhealError
from selfheal.model.health import Measured
from selfheal.model.host import Finding, HostHealth, HostLimits, HostLook, Past
from selfheal.model.trigger import Priority, Source, Trigger, TriggerType
from selfheal.policy.catalogue import HOST, REQUEST_FILE
from selfheal.policy.host import component_of, due, judge, measured, metrics, past_of, remembered, status
from selfheal.ports import BrokerClient, Clock, HostClient, HostStore

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Broker:
    """The NATS server that is looked at and published to.

    Attributes:
        client: talks to it.
        url: of it.
        credentials: user and password, or None.
        timeout: of one exchange.
        health_subject: where what is wrong is published.
        metrics_subject: where what was measured is published.
        watched: whether a component of the estate is this server: then it is healed, and a person hears of it, as that.
    """

    client: BrokerClient
    url: str
    credentials: tuple[str, str] | None = field(repr=False)
    timeout: timedelta
    health_subject: str
    metrics_subject: str
    watched: bool = False


@dataclass(frozen=True, kw_only=True)
class HostWatch:
    """What agent-health needs.

    Attributes:
        name: of the host.
        limits: what is too much, and how often it is looked at.
        files: critical files.
        request_file: the one of them that `restore-request-file` can bring back; empty: there is none.
        disks: paths whose disks must not be full.
        host: the host.
        broker: NATS; None: there is none to look at.
        store: what is kept.
        component: the host as something that is healed.
        allow: what may be healed.
        clock: time.
    """

    name: str
    limits: HostLimits
    files: tuple[str, ...]
    request_file: str
    disks: tuple[str, ...]
    host: HostClient
    broker: Broker | None
    store: HostStore
    component: Component
    allow: frozenset[str]
    clock: Clock

    @property
    def key(self) -> str:
        """What the keys of its alerts begin with."""
        return f"host/{self.name}/"

    def look(self) -> HostHealth:
        """See `ports.LooksAtHost.look`."""
        return self.judged(self.past())

    def past(self, known: Sequence[Past] = ()) -> tuple[Past, ...]:
        """Earlier looks, also of other runs; while the database is away only those that are known here.

        Args:
            known: looks that may not be written down yet.
        """
        since = self.limits.quiet_after + 2 * self.limits.every_quiet
        try:
            rows = self.store.recent(component_of(self.name), since=since)
        except SelfhealError as error:
            _log.warning("looks of other runs at this host are not known: %s", error)
            return tuple(known)
        looks = {one.at: one for one in (*past_of(rows), *known) if one.at <= self.clock.now()}
        return remembered([looks[at] for at in sorted(looks)], self.limits)  # later ones: the clock went back

    def judged(self, past: Sequence[Past]) -> HostHealth:
        """Look now, and say what is wrong."""
        disks, broken = self.host.disks(self.disks)
        round_trip, error = self._ask_nats()
        seen = HostLook(
            at=self.clock.now(),
            usage=self.host.usage(),
            disks=disks,
            broken=broken,
            round_trip_ms=round_trip,
            nats_error=error,
            files_error=self.host.unreadable(self.files),
        )
        return judge(self.name, seen, past, self.limits)

    def due(self, past: Sequence[Past]) -> datetime:
        """When it is to be looked at again."""
        return due(self.clock.now(), past, self.limits)

    def keep(self, health: HostHealth) -> Sequence[Measured]:
        """Write down what was measured; gives it. Raises `Transient` while the database is away: it then waits."""
        rows = measured(health)
        self.store.record(rows)
        return rows

    def publish(self, health: HostHealth) -> None:
        """Publish what is wrong and what was measured; nothing where NATS did not answer just before.

        Raises:
            Transient: it was not taken.
            Permanent: we may not publish there.
        """
        if self.broker is None or health.look.nats_error:
            return
        for subject, body in (
            (self.broker.health_subject, health_message(health)),
            (self.broker.metrics_subject, metrics_message(health)),
        ):
            self.broker.client.publish(
                self.broker.url,
                subject,
                json.dumps(body).encode(),
                credentials=self.broker.credentials,
                timeout=self.broker.timeout,
            )

    def tell(self, health: HostHealth) -> Sequence[str]:
        """Tell a person once of what nothing can heal, once more if it is worse, and once that it is over.

        Gives the keys of what is told now.
        """
        wrong = {f"{self.key}{one.what}": one for one in health.findings if not self._is_healed(one)}
        told = [
            key
            for key, one in wrong.items()
            if self.store.tell(
                key,
                f"{self.name}: {one.message}",
                severity="CRITICAL" if one.critical else "WARNING",
                details={"host": self.name, "what": one.what},
            )
        ]
        return [*told, *self.store.over(self.key, but=wrong)]

    def triggers(self, health: HostHealth) -> Sequence[Trigger]:
        """A trigger for each component that can be healed of what is wrong."""
        healed = [one for one in health.findings if self._is_healed(one)]
        file = [one for one in healed if one.what == f"file:{self.request_file}"]
        host = [one for one in healed if one not in file and one.what != "nats"]
        return [
            *(self._trigger(health, TriggerType.FILE_DAMAGED, REQUEST_FILE, [one]) for one in file),
            *([self._trigger(health, TriggerType.HOST_PRESSURE, HOST, host)] if host else []),
        ]

    def _ask_nats(self) -> tuple[int | None, str]:
        """Milliseconds of a round trip, or why there was none."""
        if self.broker is None:
            return None, ""
        broker = self.broker
        try:
            return broker.client.ping(broker.url, credentials=broker.credentials, timeout=broker.timeout), ""
        except SelfhealError as error:
            return None, error.message

    def _is_healed(self, finding: Finding) -> bool:
        """Whether something can be done about it but telling a person."""
        if finding.what == "nats":
            return self.broker is not None and self.broker.watched
        if finding.what.startswith("file:"):
            return finding.what == f"file:{self.request_file}" and REQUEST_FILE in self.allow
        return bool(self.component.ladder) and HOST in self.allow and not finding.critical

    def _trigger(self, health: HostHealth, kind: TriggerType, component: str, findings: Sequence[Finding]) -> Trigger:
        return Trigger(
            id=uuid7(),
            type=kind,
            component=component,
            source=Source.AGENT_HEALTH,
            priority=Priority.MEDIUM,
            reason="; ".join(one.message for one in findings),
            detected_at=health.look.at,
        )


def health_message(health: HostHealth) -> dict[str, Any]:
    """What is wrong, as it is published: whoever hears nothing for longer than `next_within_s` has lost it."""
    return {
        "source": Source.AGENT_HEALTH.value,
        "host": health.host,
        "status": status(health.findings).value,
        "at": health.look.at.isoformat(),
        "next_within_s": health.next_within.total_seconds(),
        "findings": [{"what": one.what, "critical": one.critical, "message": one.message} for one in health.findings],
    }


def metrics_message(health: HostHealth) -> dict[str, Any]:
    """What was measured, as it is published."""
    return {
        "source": Source.AGENT_HEALTH.value,
        "host": health.host,
        "at": health.look.at.isoformat(),
        "container": health.look.usage.limited,
        "metrics": metrics(health),
        "disks": dict(health.look.disks),
    }

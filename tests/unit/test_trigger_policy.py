"""What kind of trigger a component raises, and how urgent it is."""

import pytest

from selfheal.model.component import Component, ProbeKind
from selfheal.model.trigger import Priority, TriggerType
from selfheal.policy.triggers import priority_of, usual_type

CONTAINER = Component(name="c", target="docker/c", probe=ProbeKind.HTTP, docker="docker", container="c")
BROKER = Component(name="b", target="nats/b", probe=ProbeKind.NATS)
SERVICE = Component(name="s", target="supervisor/main/s", probe=ProbeKind.PROCESS, supervisor="main", program="s")
CRITICAL = Component(name="s", target="supervisor/main/s", probe=ProbeKind.PROCESS, critical=True)


@pytest.mark.parametrize(
    ("component", "kind", "priority"),
    [
        (CONTAINER, TriggerType.CONTAINER_DOWN, Priority.CRITICAL),
        (BROKER, TriggerType.NATS_DOWN, Priority.CRITICAL),
        (SERVICE, TriggerType.SERVICE_DOWN, Priority.HIGH),
        (CRITICAL, TriggerType.SERVICE_DOWN, Priority.CRITICAL),
    ],
    ids=["container", "broker", "service", "critical"],
)
def test_containers_brokers_and_the_critical_come_first(
    component: Component, kind: TriggerType, priority: Priority
) -> None:
    """A container or a broker that is down is CRITICAL, another service HIGH unless its settings say critical."""
    assert usual_type(component) is kind
    assert priority_of(component, kind) is priority

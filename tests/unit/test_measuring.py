"""What containers use: out of what Docker tells, in percent, once a minute."""

from collections.abc import Collection, Mapping, Sequence

from fakes import FakeClock

from selfheal.clients.docker_usage import usage_of
from selfheal.model.component import Component, ProbeKind
from selfheal.model.errors import Transient
from selfheal.model.health import ComponentHealth, HealthStatus, Measured
from selfheal.model.usage import ContainerUsage
from selfheal.watch.measuring import Measuring

MEMORY = {"usage": 300, "limit": 1000}
CPU = {"cpu_usage": {"total_usage": 5_000_000_000}, "online_cpus": 2}


def test_what_docker_tells() -> None:
    """Version 1 and version 2 name differently what the kernel gives back at once; who has ended uses nothing."""
    for stats in ({"total_inactive_file": 100, "inactive_file": 1}, {"inactive_file": 100}):
        found = usage_of({"memory_stats": {**MEMORY, "stats": stats}, "cpu_stats": CPU})
        assert found == ContainerUsage(cpu_s=5, cpus=2, memory_bytes=200, memory_limit_bytes=1000)
    assert usage_of({"memory_stats": {}, "cpu_stats": {"cpu_usage": {"total_usage": 0}}}) is None
    assert usage_of({}) is None


class Engine:
    """An engine of one container, whose use a test sets."""

    def __init__(self) -> None:
        self.cpu_s, self.away = 10.0, False

    def usages(self, names: Collection[str]) -> Mapping[str, ContainerUsage]:
        if self.away:
            raise Transient("no Docker engine answers")
        one = ContainerUsage(cpu_s=self.cpu_s, cpus=2, memory_bytes=250, memory_limit_bytes=1000)
        return dict.fromkeys(set(names) & {"web-1"}, one)


class Kept(list[Measured]):
    """What was written down."""

    def record(self, health: Sequence[ComponentHealth], further: Sequence[Measured] = ()) -> None:
        assert health == []
        self.extend(further)


def test_each_minute_one_row_a_value() -> None:
    """Memory at once, the processor from the second look on; a restart and an engine that is away tell nothing."""
    engine, kept, clock = Engine(), Kept(), FakeClock()
    components = {
        name: Component(name=name, target=name, probe=ProbeKind.CONTAINER, docker="docker", container=container)
        for name, container in {"web": "web-1", "gone": "gone-1"}.items()
    }
    measuring = Measuring(
        {"docker": engine},  # type: ignore[dict-item] # what is asked of an engine here
        components,
        health=kept,  # type: ignore[arg-type] # the same of a store
        clock=clock,
        status=lambda _: HealthStatus.DEGRADED,
    )
    measuring.measure()
    assert [(one.component, one.metric, one.value) for one in kept] == [
        ("web", "memory_bytes", 250),
        ("web", "memory_percent", 25),
    ]
    assert {one.status for one in kept} == {HealthStatus.DEGRADED}
    for cpu_s, expected in ((34.0, 20.0), (5.0, None), (605.0, 100.0)):
        kept.clear()
        clock.wait(60)
        engine.cpu_s = cpu_s
        measuring.measure()
        assert {one.metric: one.value for one in kept}.get("cpu_percent") == expected
    kept.clear()
    engine.away = True
    measuring.measure()
    assert kept == []
    measuring.close()

"""What the observer makes of supervisors and probes."""

from datetime import timedelta

import pytest
from fakes import FakeBroker, FakeClock, FakeControl, FakeHttp

from selfheal.model.component import Component, ProbeKind
from selfheal.model.errors import Permanent, Transient
from selfheal.model.observation import Health, Incarnation
from selfheal.probes.observe import Observer
from selfheal.probes.table import probe_table


def estate(control: FakeControl, http: FakeHttp | None = None, broker: FakeBroker | None = None) -> Observer:
    clock = FakeClock()
    probes = probe_table(http=http or FakeHttp(200), broker=broker or FakeBroker(1), clock=clock)
    return Observer(controls={"demo": control}, probes=probes, clock=clock)


def component(
    probe: str = "http", *, name: str = "backend", supervisor: str = "demo", program: str = "backend"
) -> Component:
    return Component(
        name=name,
        target=f"supervisor/demo/{name}",
        probe=ProbeKind(probe),
        url="http://127.0.0.1:1/",
        supervisor=supervisor,
        program=program,
        probe_timeout=timedelta(seconds=1),
    )


@pytest.mark.parametrize(
    ("status", "health"),
    [(200, Health.HEALTHY), (204, Health.HEALTHY), (302, Health.HEALTHY), (404, Health.SICK), (503, Health.SICK)],
)
def test_status_decides(status: int, health: Health) -> None:
    """2xx and 3xx are healthy, 4xx and 5xx are sick and say their number."""
    seen = estate(FakeControl(backend="RUNNING"), FakeHttp(status))(component())
    assert seen.health is health
    assert seen.response_ms == 7
    assert health is Health.HEALTHY or str(status) in seen.detail


def test_silence_is_sick() -> None:
    """A URL that does not answer is sick with the reason, and the process is told all the same."""
    seen = estate(FakeControl(backend="RUNNING"), FakeHttp(Transient("gave no answer")))(component())
    assert (seen.health, seen.detail) == (Health.SICK, "gave no answer")
    assert seen.incarnation is not None


def test_wrong_question_is_unknown() -> None:
    """A setting that makes no sense says nothing about the component."""
    assert estate(FakeControl(backend="RUNNING"), FakeHttp(Permanent("no url")))(component()).health is Health.UNKNOWN


def test_broken_probe_is_unknown() -> None:
    """A probe that breaks does not raise."""
    seen = estate(FakeControl(backend="RUNNING"), FakeHttp(ZeroDivisionError("ours")))(component())
    assert seen.health is Health.UNKNOWN
    assert "ZeroDivisionError" in seen.detail


@pytest.mark.parametrize("state", ["EXITED", "FATAL", "STOPPED", "BACKOFF"])
@pytest.mark.parametrize("probe", ["http", "nats", "process"])
def test_dead_process_is_not_asked(state: str, probe: str) -> None:
    """What does not run is sick, without asking its URL."""
    http, broker = FakeHttp(200), FakeBroker(1)
    seen = estate(FakeControl(backend=state), http, broker)(component(probe))
    assert seen.health is Health.SICK
    assert state in seen.detail
    assert (http.gets, broker.pings) == ([], 0)
    assert seen.stopped_on_request == (state == "STOPPED")


@pytest.mark.parametrize(
    ("state", "health", "word"),
    [("RUNNING", Health.HEALTHY, ""), ("STARTING", Health.SICK, "starting"), ("STOPPING", Health.SICK, "STOPPING")],
)
def test_process_probe(state: str, health: Health, word: str) -> None:
    """A process probe repeats its supervisor's word."""
    seen = estate(FakeControl(backend=state))(component("process"))
    assert seen.health is health
    assert word in seen.detail


@pytest.mark.parametrize("error", [Transient("away"), ZeroDivisionError("ours")])
def test_supervisor_away(error: Exception) -> None:
    """Without the supervisor a URL still decides, and a process probe says that it cannot tell, and why."""
    control = FakeControl(backend="RUNNING")
    control.away = error  # type: ignore[assignment]
    observe = estate(control)
    assert observe(component("http")).health is Health.HEALTHY
    assert observe(component("nats")).health is Health.HEALTHY
    assert observe(component("http")).incarnation is None
    seen = observe(component("process"))
    assert seen.health is Health.UNKNOWN
    assert str(error) in seen.detail


def test_unknown_names() -> None:
    """A supervisor or program that does not exist is told with the nearest one."""
    observe = estate(FakeControl(backend="RUNNING"))
    assert "'demo'" in observe(component("process", supervisor="dmo")).detail
    assert "'backend'" in observe(component("process", program="backnd")).detail
    (seen,) = observe.observe_all([component("process", program="backnd")])
    assert seen.health is Health.UNKNOWN
    assert "'backend'" in seen.detail


def test_no_supervisor() -> None:
    """A component without a supervisor has no incarnation; its URL decides."""
    seen = estate(FakeControl())(component(supervisor="", program=""))
    assert (seen.health, seen.incarnation) == (Health.HEALTHY, None)


class CountingControl(FakeControl):
    asked = 0

    def processes(self) -> dict[str, Incarnation]:
        self.asked += 1
        return dict(super().processes())


def test_all_asks_each_supervisor_once() -> None:
    """A sweep gives one observation per component in order, and asks their supervisor once."""
    names = [f"sleeper-{number}" for number in range(40)]
    control = CountingControl(**{name: "EXITED" if name == "sleeper-7" else "RUNNING" for name in names})
    seen = estate(control).observe_all([component("process", name=name, program=name) for name in names])
    assert [observation.component for observation in seen] == names
    assert [observation.component for observation in seen if observation.health is Health.SICK] == ["sleeper-7"]
    assert control.asked == 1


def test_all_agrees_with_one() -> None:
    """A sweep sees what a single look sees, also when the supervisor is away."""
    control = FakeControl(backend="RUNNING")
    control.away = Transient("away")
    observe = estate(control)
    for probe in ("http", "process"):
        assert observe.observe_all([component(probe)]) == [observe(component(probe))]
    assert observe.observe_all([]) == []

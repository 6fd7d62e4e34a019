"""The NATS client against the estate's broker."""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from estate_fixtures import SOON, component, until

from benchmarks.freezing import frozen
from deployments.demo.estate import Estate
from deployments.demo.faults import Faults
from selfheal.clients.nats import NatsBroker
from selfheal.model.errors import Permanent, Transient

SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> object:
    """Nothing is logged and no thread is left, whatever happens to a connection."""
    threads = threading.active_count()
    yield
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert threading.active_count() <= threads


def test_answers(estate: Estate) -> None:
    """A broker that works answers within its time."""
    broker = component(estate, "broker")
    assert NatsBroker().ping(broker.url, credentials=broker.credentials, timeout=SOON) >= 0


@pytest.mark.parametrize("credentials", [("demo", "wrong"), ("nobody", "x"), None])
def test_wrong_password(estate: Estate, credentials: tuple[str, str] | None) -> None:
    """A broker that does not let us in is told as that, without the password."""
    with pytest.raises(Permanent, match="does not accept the user or the password") as refusal:
        NatsBroker().ping(estate.url("broker"), credentials=credentials, timeout=SOON)
    assert "wrong" not in str(refusal.value)


def test_refused(free_port: int) -> None:
    """A port where nobody listens is told as that."""
    with pytest.raises(Transient, match="refuses connections"):
        NatsBroker().ping(f"nats://127.0.0.1:{free_port}", credentials=None, timeout=SOON)


def test_frozen(estate: Estate) -> None:
    """A frozen broker accepts connections and is silent all the same; it answers again when it thaws."""
    broker = component(estate, "broker")
    pid = estate.control().process("broker").pid
    with frozen(pid), pytest.raises(Transient, match="gave no answer within"):
        NatsBroker().ping(broker.url, credentials=broker.credentials, timeout=timedelta(seconds=0.3))
    until("it answers", lambda: NatsBroker().ping(broker.url, credentials=broker.credentials, timeout=SECOND) >= 0)


def test_killed(estate: Estate, faults: Faults) -> None:
    """A killed broker refuses."""
    faults.kill_broker()
    with pytest.raises(Transient, match="refuses connections"):
        NatsBroker().ping(estate.url("broker"), credentials=None, timeout=SOON)


def test_many_threads(estate: Estate) -> None:
    """One client serves many threads at the same time."""
    broker = component(estate, "broker")

    def ping(_: int) -> int:
        return NatsBroker().ping(broker.url, credentials=broker.credentials, timeout=SOON)

    with ThreadPoolExecutor(max_workers=8) as pool:
        assert len(list(pool.map(ping, range(32)))) == 32


@pytest.mark.parametrize("url", ["", "nats://", "http://127.0.0.1:1", "nats://127.0.0.1:port", "nats://[::1"])
def test_wrong_url(url: str) -> None:
    """What is no address of a broker is refused."""
    with pytest.raises(Permanent, match="no address of a NATS server"):
        NatsBroker().ping(url, credentials=None, timeout=SECOND)

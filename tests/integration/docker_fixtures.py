"""A real Docker engine for tests: a reachable one if `SELFHEAL_TEST_DOCKER` names it, else one of our own.

`tests/conftest.py` imports the fixtures. Our own is a `containerd` and a `dockerd` in a private folder, without a
network; it is stopped at the end of the session and must leave nothing behind. Where none can be started, the tests
that ask for it are skipped with the reason.
"""

import contextlib
import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.errors import APIError, NotFound

from benchmarks.dockerd import START_SECONDS, Dockerd
from deployments.embedded.docker import answers, image_root, missing

IMAGE, TAG = "selfheal-test", "1"
PROGRAM = """
rm -f /tmp/eat; touch /tmp/ok; trap 'exit 0' TERM; echo begun
while [ ! -e /tmp/eat ]; do sleep 0.1; done
exec tail /dev/zero
"""
"""Healthy while /tmp/ok is there; eats all its memory once /tmp/eat is; obeys TERM; whole again after a restart."""
SECOND_NS = 1_000_000_000
CHECK = {"test": ["CMD", "test", "-e", "/tmp/ok"], "interval": SECOND_NS, "timeout": 20 * SECOND_NS, "retries": 2}  # noqa: S108  in the container
"""Two failures in a row: the check that is under way while dockerd is frozen fails, and means nothing.

It never hangs: where it has no answer for a second, as of a whole container, the machine is busy.
"""


class TestEngine:
    """The session's engine, and the containers of one test at a time.

    Attributes:
        url: where it answers.
        own: the engine if it is ours: only then may it be frozen and killed.
        client: docker-py, for what users do; never for what is tested.
    """

    __test__ = False

    def __init__(self, url: str, own: Dockerd | None) -> None:
        self.url, self.own = url, own
        self.client = docker.DockerClient(base_url=url, timeout=START_SECONDS)
        self._names: set[str] = set()

    def run(self, name: str = "", *, script: str = PROGRAM, checked: bool = False, **options: Any) -> str:
        """Start a container and give its name; `checked` gives it a health check each second."""
        name = name or f"selfheal-test-{secrets.token_hex(4)}"
        self._names.add(name)
        if checked:
            options["healthcheck"] = CHECK
        self.client.containers.run(
            f"{IMAGE}:{TAG}", ["sh", "-c", script], name=name, network_mode="none", detach=True, **options
        )
        return name

    def inspect(self, name: str) -> dict[str, Any]:
        return dict(self.client.api.inspect_container(name))

    def state(self, name: str) -> dict[str, Any]:
        return dict(self.inspect(name)["State"])

    def pid(self, name: str) -> int:
        return int(self.state(name)["Pid"])

    def inside(self, name: str, *command: str) -> None:
        self.client.containers.get(name).exec_run(list(command))

    def kill(self, name: str) -> None:
        """As the kernel does: nobody asked the engine."""
        os.kill(self.pid(name), signal.SIGKILL)

    def remove(self, name: str) -> None:
        with contextlib.suppress(NotFound):
            self.client.containers.get(name).remove(force=True)

    def remove_all(self) -> None:
        for name in self._names:
            self.remove(name)
        self._names.clear()

    def abandon(self) -> None:
        """Start a container that nobody removes: the engine's own end must take it along."""
        self.run()
        self._names.clear()

    def close(self) -> None:
        self.remove_all()
        with contextlib.suppress(APIError):
            self.client.images.remove(f"{IMAGE}:{TAG}", force=True)
        self.client.close()


@pytest.fixture(scope="session")
def session_engine() -> Iterator[TestEngine]:
    """The session's engine with its image; tests ask for `docker_engine` instead."""
    given = os.environ.get("SELFHEAL_TEST_DOCKER")
    if given:
        with _with_image(TestEngine(given, None)) as engine:
            yield engine
        return
    folder = Path(tempfile.mkdtemp(prefix="selfheal-docker-"))
    own = Dockerd(folder)
    try:
        reason = _why_not(own)
        if reason:
            pytest.skip(f"no Docker engine: {reason}")
        with _with_image(TestEngine(own.url, own)) as engine:
            yield engine
            engine.abandon()
    finally:
        own.stop()
    assert (own.processes(), own.mounts(), folder.exists()) == ([], [], False)


@pytest.fixture
def docker_engine(session_engine: TestEngine) -> Iterator[TestEngine]:
    """A Docker engine without containers of ours."""
    yield session_engine
    session_engine.remove_all()


@pytest.fixture
def own_dockerd(session_engine: TestEngine) -> Iterator[Dockerd]:
    """The engine itself, to be frozen or killed; it answers again afterwards."""
    own = session_engine.own
    if own is None:
        pytest.skip("only an engine of our own may be frozen or killed, not the one of SELFHEAL_TEST_DOCKER")
    yield own
    own.thaw()
    if not answers(own.url):
        own.start()


@contextlib.contextmanager
def _with_image(engine: TestEngine) -> Iterator[TestEngine]:
    if shutil.which("busybox") is None:
        pytest.skip("no Docker image: busybox is not installed (busybox-static of Debian)")
    try:
        engine.client.api.import_image_from_data(image_root(), repository=IMAGE, tag=TAG)
        yield engine
    finally:
        engine.close()


def _why_not(own: Dockerd) -> str:
    """Start our engine, or say why that is not possible."""
    reason = missing()
    if reason:
        return f"{reason}; or name a reachable one in SELFHEAL_TEST_DOCKER"
    try:
        own.start()
    except OSError as error:
        return str(error)
    return ""

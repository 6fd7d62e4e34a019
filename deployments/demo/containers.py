"""The demo's containers: two small programs with a health check, in an engine of the demo's own.

They obey TERM, and an injected fault is over at the next start: a restart keeps a container's file system.
"""

import contextlib
import json
from collections.abc import Iterator

import docker
from docker.errors import NotFound

from deployments.demo import configuration
from deployments.embedded.docker import DockerEngine, image_root

NAMES = ("agent", "gateway")
"""Components and containers at once."""
_IMAGE, _TAG = "selfheal-demo", "1"
_SECOND_NS = 1_000_000_000
_HEALTHY = "/tmp/healthy"  # noqa: S108 - in the container
_PROGRAM = f"touch {_HEALTHY}; trap 'exit 0' TERM; echo begun; while :; do sleep 0.1; done"
_CHECK = {"test": ["CMD", "test", "-e", _HEALTHY], "interval": _SECOND_NS, "timeout": _SECOND_NS, "retries": 2}
_PATIENCE_SECONDS = 30


class Containers:
    """The containers of one engine.

    Args:
        engine: of the demo; it need not run yet.
    """

    def __init__(self, engine: DockerEngine) -> None:
        self.engine = engine

    def toml(self) -> str:
        """Engine and components as text for a settings file."""
        described = {"probe": "container", "ladder": ["restart-container"], "start_timeout": "30 s"}
        components = {name: described | {"container": name} for name in NAMES}
        return f"[docker]\nurl = {json.dumps(self.engine.url)}\n\n" + configuration.toml({"components": components})

    def run(self) -> None:
        """Start those that are missing."""
        with self._client() as client:
            there = {one.name for one in client.containers.list(all=True)}
            if not there:
                client.api.import_image_from_data(image_root(), repository=_IMAGE, tag=_TAG)
            for name in sorted(set(NAMES) - there):
                client.containers.run(
                    f"{_IMAGE}:{_TAG}",
                    ["sh", "-c", _PROGRAM],
                    name=name,
                    network_mode="none",
                    detach=True,
                    healthcheck=_CHECK,
                )

    def kill(self, name: str) -> None:
        """SIGKILL its process, as the kernel does when memory is short."""
        with self._client() as client:
            client.containers.get(name).kill()

    def hang(self, name: str) -> None:
        """Let it run and fail its health check until its next start."""
        with self._client() as client:
            client.containers.get(name).exec_run(["rm", _HEALTHY])

    def starts(self, name: str) -> int:
        """How often its program has begun, by its own account."""
        with self._client() as client:
            try:
                return bytes(client.containers.get(name).logs()).count(b"begun")
            except NotFound:
                return 0

    @contextlib.contextmanager
    def _client(self) -> Iterator[docker.DockerClient]:
        client = docker.DockerClient(base_url=self.engine.url, timeout=_PATIENCE_SECONDS)
        try:
            yield client
        finally:
            client.close()

"""The cases of `reaction` with containers: from Docker's own `unhealthy` to its `start` and `healthy` events.

One container obeys TERM within 0.1 s; the other ignores it, so that its whole stop grace lies before the start.
"""

import contextlib
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import docker

from benchmarks.case import Case
from benchmarks.database import Database, own_database, scratch
from benchmarks.healed import Healed, healed
from benchmarks.rounds import until
from deployments.embedded.docker import DockerEngine, image_root, remove_empty_cgroups

_OBEYING, _IGNORING = "obeying", "ignoring"
_GRACE_S = 3
_IMAGE, _TAG = "selfheal-bench", "1"
_SECOND_NS = 1_000_000_000
_HEALTHY = "/tmp/healthy"  # noqa: S108  in the container
_LOOP = f"touch {_HEALTHY}; while :; do sleep 0.1; done"
_TRAPS = {_OBEYING: "trap 'exit 0' TERM", _IGNORING: "trap '' TERM"}
_CHECK = {"test": ["CMD", "test", "-e", _HEALTHY], "interval": _SECOND_NS, "timeout": _SECOND_NS, "retries": 2}
_NOBODY = "none: Docker restarts what has ended, and nothing that is only unhealthy"
_GRACE = f"none: configured are {_GRACE_S} s (its stop time-out) before the KILL"


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What the rounds need: a folder, our database, an engine with its client."""

    folder: Path
    database: Database
    engine: DockerEngine
    client: docker.DockerClient


def container_cases(*, quick: bool) -> list[Case]:
    """`container-start`, `container-healthy`, and the same of a container that ignores TERM.

    Where no engine can be started there are none, and stderr says why.
    """
    rounds, ignoring_rounds = (3, 1) if quick else (21, 5)
    with scratch() as folder, own_database(folder) as database:
        engine = DockerEngine(folder=folder / "docker", log=folder / "docker.log")
        reason = engine.why_not()
        if reason:
            sys.stderr.write(f"no container cases, since no Docker engine can be started here: {reason}\n")
            return []
        with _running(engine) as client:
            bench = Bench(folder=folder, database=database, engine=engine, client=client)
            obeying = _measured(bench, _OBEYING, rounds)
            ignoring = _measured(bench, _IGNORING, ignoring_rounds)
    return [
        _case("container-start", [one["start"] for one in obeying], _NOBODY),
        _case("container-healthy", [one["healthy"] for one in obeying], _NOBODY),
        _case("container-ignoring-start", [one["start"] for one in ignoring], _NOBODY),
        _case("container-ignoring-grace", [one["die"] - one["kill"] for one in ignoring], _GRACE),
    ]


def _case(name: str, ours: list[float], what_other: str) -> Case:
    return Case(name=name, unit="s", ours=tuple(ours), what_other=what_other)


@contextlib.contextmanager
def _running(engine: DockerEngine) -> Iterator[docker.DockerClient]:
    """The engine with both containers, gone afterwards."""
    process = engine.start()
    try:
        until(engine.ready, what="the Docker engine answers")
        client = docker.DockerClient(base_url=engine.url, timeout=30)
        with contextlib.closing(client):
            client.api.import_image_from_data(image_root(), repository=_IMAGE, tag=_TAG)
            for name in _TRAPS:
                _run(client, name)
            yield client
    finally:
        process.kill()
        process.wait()
        remove_empty_cgroups()


def _run(client: docker.DockerClient, name: str) -> None:
    made = client.api.create_container(
        f"{_IMAGE}:{_TAG}",
        ["sh", "-c", f"{_TRAPS[name]}; {_LOOP}"],
        name=name,
        host_config=client.api.create_host_config(network_mode="none"),
        healthcheck=_CHECK,
        stop_timeout=_GRACE_S,
    )
    client.api.start(made["Id"])


def _measured(bench: Bench, name: str, rounds: int) -> list[dict[str, float]]:
    """Let the container hang, again and again; per round the seconds from `unhealthy` to each event."""
    component = {"probe": "container", "container": name, "ladder": ["restart-container"]}
    values = {"docker": {"url": bench.engine.url}, "components": {name: component}}
    found: list[dict[str, float]] = []
    with healed(bench.folder, bench.database, name, values) as watched:
        watched.await_settled(attempts=0)
        for number in range(1, rounds + 1):
            found.append(_hung(bench.client, watched, number))
            sys.stderr.write(f"{name}: round {number} of {rounds}: start {found[-1]['start']:.3f}\n")
    return found


def _hung(client: docker.DockerClient, watched: Healed, attempt: int) -> dict[str, float]:
    """One round: seconds from Docker's `unhealthy` event to `kill`, `die`, `start` and `health_status: healthy`."""
    begun = time.time()
    client.containers.get(watched.component).exec_run(["rm", _HEALTHY])
    watched.await_settled(attempts=attempt)
    only = {"container": [watched.component]}
    events = list(client.api.events(since=begun, until=time.time(), filters=only, decode=True))
    at = {one["Action"]: one["timeNano"] / _SECOND_NS for one in reversed(events)}  # the first of each
    sick = at["health_status: unhealthy"]
    return {name.removeprefix("health_status: "): moment - sick for name, moment in at.items()}

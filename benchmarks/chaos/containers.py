"""Targets in containers, on a Docker engine of the campaign's own; they write the same ledger as the programs do.

The engine is one whose containers outlive dockerd, so that killing it is a fault of the engine alone.
"""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import docker

from benchmarks.chaos.estate import STOP_S, Estate, Target
from benchmarks.dockerd import Dockerd
from deployments.embedded.docker import image_root, missing
from selfheal.model.errors import Transient

_IMAGE, _TAG = "selfheal-chaos", "1"
_SECOND_NS = 1_000_000_000
_CHECK = {"test": ["CMD", "test", "-e", "/tmp/well"], "interval": _SECOND_NS, "timeout": _SECOND_NS, "retries": 2}  # noqa: S108 - in the container
_PROGRAM = """
read up rest < /proc/uptime
state=well
if read left < /estate/poison/$0 && [ "$left" -gt 0 ]; then state=sick; echo $((left - 1)) > /estate/poison/$0; fi
trap 'rm -f /tmp/well' USR1
trap '{on_term}' TERM
rm -f /tmp/well
[ $state = sick ] || touch /tmp/well
echo "$0 0 up:$up container $state" >> /estate/ledger
/bin/busybox sync
while :; do sleep 0.1; done
"""
_OBEYS, _OVERHEARS = "exit 0", "echo TERM >> /estate/logs/$0.term"


def why_not() -> str:
    """Why there can be no containers here; empty if there can."""
    return missing()


@contextlib.contextmanager
def engine(folder: Path) -> Iterator[Dockerd]:
    """A running engine in a new folder below the campaign's; gone afterwards."""
    place = place_of(folder)
    place.mkdir(mode=0o700)
    running = Dockerd(place)
    try:
        running.start()
        yield running
    finally:
        running.stop()


def place_of(folder: Path) -> Path:
    """Where the engine of a campaign is."""
    return folder / "engine"


def url_of(folder: Path) -> str:
    """Where it answers."""
    return f"unix://{place_of(folder)}/docker.sock"


def start(estate: Estate, url: str) -> None:
    """Make and start the containers of an estate."""
    client = docker.DockerClient(base_url=url, timeout=30)
    with contextlib.closing(client):
        client.api.import_image_from_data(image_root(), repository=_IMAGE, tag=_TAG)
        for one in estate.targets.values():
            if one.container:
                _start(client, estate, one)


def restart(url: str, name: str) -> None:
    """As a person does.

    Raises:
        Transient: the engine does not do it now.
    """
    try:
        client = docker.DockerClient(base_url=url, timeout=30)
        with contextlib.closing(client):
            client.containers.get(name).restart()
    except (docker.errors.DockerException, OSError) as error:
        raise Transient(f"{name} is not restarted: {error}") from error


def look_again(url: str, name: str) -> None:
    """Make Docker check a container again that it has given up, without a start.

    Raises:
        Transient: the engine does not do it now.
    """
    try:
        client = docker.DockerClient(base_url=url, timeout=30)
        with contextlib.closing(client):
            client.api.pause(name)
            client.api.unpause(name)
    except (docker.errors.DockerException, OSError) as error:
        raise Transient(f"{name} is not looked at again: {error}") from error


def inspect(url: str, name: str) -> Mapping[str, Any]:
    """What the engine tells of a container's state."""
    client = docker.DockerClient(base_url=url, timeout=30)
    with contextlib.closing(client):
        return dict(client.api.inspect_container(name)["State"])


def _start(client: docker.DockerClient, estate: Estate, one: Target) -> None:
    (estate.folder / "poison" / one.name).touch()
    program = _PROGRAM.replace("{on_term}", _OVERHEARS if one.deaf else _OBEYS)
    made = client.api.create_container(
        f"{_IMAGE}:{_TAG}",
        ["sh", "-c", program, one.name, str(estate.folder)],
        name=one.name,
        host_config=client.api.create_host_config(network_mode="none", binds=[f"{estate.folder}:/estate"]),
        healthcheck=_CHECK,
        stop_timeout=STOP_S,
    )
    client.api.start(made["Id"])

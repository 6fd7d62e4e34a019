"""Wires the looks and acts within containers, processes and file systems; bootstrap calls this."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Engine

from selfheal.clients.docker_inside import DockerInside
from selfheal.clients.docker_replicas import DockerReplicas
from selfheal.clients.host_paths import HostPaths
from selfheal.clients.local_process import LocalProcesses
from selfheal.clients.replica_commands import ReplicaCommands
from selfheal.ports import Clock, ContainerInside, ReplicaSets
from selfheal.settings.component import ENGINE
from selfheal.settings.estate import Settings
from selfheal.store.file_changes import FileChangeRows


@dataclass(frozen=True, kw_only=True)
class Within:
    """What probes and actions look and act with.

    Attributes:
        insides: of the containers, by engine; empty where no component names one.
        processes: of this machine.
        paths: of this machine.
        replicas: how many there are, by commands of this machine.
        sets: the same of containers, by engine.
    """

    insides: Mapping[str, ContainerInside]
    processes: LocalProcesses
    paths: HostPaths
    replicas: ReplicaCommands
    sets: Mapping[str, ReplicaSets]


def within(settings: Settings, engine: Engine, clock: Clock) -> Within:
    """As the settings say; nothing is connected yet."""
    asked = any(one.container for one in settings.components.values())
    docker = settings.docker
    return Within(
        insides={ENGINE: DockerInside(url=docker.url, timeout=docker.timeout)} if asked else {},
        processes=LocalProcesses(),
        paths=HostPaths(changes=FileChangeRows(engine), clock=clock),
        replicas=ReplicaCommands(),
        sets={ENGINE: DockerReplicas(url=docker.url, timeout=docker.timeout)} if asked else {},
    )

"""The demo's estate as parts of its stack, and the settings file that describes it."""

import os
import pwd
from dataclasses import replace
from pathlib import Path

from deployments.demo.configuration import HOARDERS
from deployments.demo.containers import Containers
from deployments.demo.estate import Estate, write_estate
from deployments.demo.scene import Scene
from deployments.embedded import child
from deployments.embedded.docker import DockerEngine
from deployments.embedded.files import write_private
from deployments.part import Part
from selfheal.model.errors import SelfhealError
from selfheal.settings.estate import Settings

CAP = 5
"""Pre-emptive heals within an hour in the story of what grows: one for each service, two for the stubborn one."""
USER = Settings.model_fields["run_as"].default


def write(data: Path) -> tuple[Estate, Path]:
    """Write estate and settings into an empty data folder; gives the estate and the settings file."""
    scene, config = _write(data, None)
    return scene.estate, config


def write_scene(data: Path) -> tuple[Scene, Path]:
    """The same with containers, where this machine can run an engine for them."""
    (data / "logs").mkdir(mode=0o700, exist_ok=True)
    engine = DockerEngine(folder=data / "docker", log=data / "logs" / "docker.log")
    reason = engine.why_not()
    scene, config = _write(data, None if reason else Containers(engine))
    none = f"since no Docker engine can be started here: {reason}" if reason else ""
    return replace(scene, why_none=none), config


def write_growing(data: Path) -> tuple[Scene, Path]:
    """An estate whose services grow, without containers; what is foretold may be healed at once."""
    (data / "logs").mkdir(mode=0o700, exist_ok=True)
    scene, config = _write(data, None, hoarders=HOARDERS)
    preempt = f'\n[prediction.preempt]\nmode = "auto"\nin_an_hour = {CAP}\n'
    config.write_text(config.read_text(encoding="utf-8") + preempt, encoding="utf-8")
    return replace(scene, why_none="this story needs none"), config


def parts(scene: Scene, data: Path) -> list[Part]:
    """The scene's supervisord, and its engine, which is ready once its containers run."""
    containers = scene.containers
    engines = [] if containers is None else [replace(containers.engine.part(), on_ready=containers.run)]
    return [part(scene.estate, data), *engines]


def _write(data: Path, containers: Containers | None, *, hoarders: tuple[str, ...] = ()) -> tuple[Scene, Path]:
    estate = write_estate(data / "estate", owner=_owner(), hoarders=hoarders)
    scene = Scene(estate=estate, containers=containers)
    config = data / "selfheal.toml"
    allow = ", ".join(f'"{name}"' for name in sorted(scene.names))
    head = f'estate = "demo"\n\n[healing]\nallow = [{allow}]\n\n[prefect]\nport = 0\n\n[web]\nport = 0\n\n'
    write_private(config, head + scene.estate.toml() + ("" if containers is None else containers.toml()))
    return scene, config


def part(estate: Estate, data: Path) -> Part:
    """The estate's supervisord under ours: ready while it answers, whatever its programs do."""
    log = data / "logs" / "estate.log"
    identity = child.run_as(USER, folder=data)
    control = estate.control()

    def answers() -> bool:
        try:
            return bool(control.processes())
        except SelfhealError:
            return False

    return Part(
        name="estate",
        start=lambda: child.spawn(estate.argv(), log=log, identity=identity, folder=estate.folder),
        ready=answers,
        log=log,
    )


def _owner() -> tuple[int, int] | None:
    """Whom the estate belongs to when we are root."""
    if os.geteuid() != 0:
        return None
    entry = pwd.getpwnam(USER)
    return entry.pw_uid, entry.pw_gid

"""The demo's estate as a part of its stack, and the settings file that describes it."""

import os
import pwd
from pathlib import Path

from deployments.demo.configuration import REAL
from deployments.demo.estate import Estate, write_estate
from deployments.embedded import child
from deployments.embedded.files import write_private
from deployments.part import Part
from selfheal.model.errors import SelfhealError
from selfheal.settings.estate import Settings

USER = Settings.model_fields["run_as"].default


def write(data: Path) -> tuple[Estate, Path]:
    """Write estate and settings into an empty data folder; gives the estate and the settings file."""
    estate = write_estate(data / "estate", owner=_owner())
    config = data / "selfheal.toml"
    allow = ", ".join(f'"{name}"' for name in sorted(REAL))
    head = f'estate = "demo"\n\n[healing]\nallow = [{allow}]\n\n[prefect]\nport = 0\n\n'
    write_private(config, head + estate.toml())
    return estate, config


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

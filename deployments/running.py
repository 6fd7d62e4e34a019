"""A stack in an opened folder: described, and nothing of it started. `up` runs it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deployments import accepted, logging_config, web
from deployments.embedded import child, roles, stack
from deployments.embedded.datafolder import DataFolder, open_folder
from deployments.embedded.prefect_server import client_environment
from deployments.embedded.stack import WEB_PORT, Servers
from deployments.embedded.web import WebServer
from selfheal.protocol import failpoint
from selfheal.settings.estate import Settings


@dataclass(frozen=True, kw_only=True)
class Running:
    """What a stack in an opened folder consists of.

    Attributes:
        settings: that it is started with.
        folder: opened and locked.
        servers: the embedded ones.
        environment: of everything that is a client of them: Prefect's address, our settings, the database.
        web: the web server; None: the settings want none.
    """

    settings: Settings
    folder: DataFolder
    servers: Servers
    environment: Mapping[str, str] = field(repr=False)
    web: WebServer | None

    def urls(self) -> Mapping[str, str]:
        """Where each server is found, without credentials."""
        return self.servers.urls() | ({} if self.web is None else {"web": self.web.url})


def open_stack(settings: Settings, *, config: Path | None, data: Path, open_door: bool = False) -> Running:
    """Open the data folder and describe the stack; nothing is started.

    Args:
        settings: of this start.
        config: the file that they stand in; None: none.
        data: the folder.
        open_door: whether the web server lets everybody in; only a demo's does.

    Raises:
        NotAllowed: another stack runs in the folder.
        Permanent: the folder or a port cannot be used, or the settings name what does not exist.
    """
    failpoint.wanted()
    found = accepted.candidate(config)
    folder = open_folder(data, wanted_ports=stack.wanted_ports(settings), server_user=settings.run_as)
    identity = child.run_as(settings.run_as, folder=folder.path)
    servers = stack.servers(folder, identity=identity, settings=settings)
    copy = accepted.accept(folder.path, found)
    environment = _environment(folder, servers, found.settings, copy)
    environment |= logging_config.write(folder.path / "run" / "logging.json", found.settings.logging)
    web.give_settings(folder.path)
    return Running(
        settings=found.settings,
        folder=folder,
        servers=servers,
        environment=environment,
        web=web.described(folder, servers, found.settings, open_door=open_door),
    )


def _environment(folder: DataFolder, servers: Servers, settings: Settings, copy: Path) -> dict[str, str]:
    """What a client of the stack needs; it holds the healer's password, and none that opens more than that."""
    environment = {
        **client_environment(api_url=servers.prefect.api_url, home=folder.path / "home"),
        "SELFHEAL_DATABASE_URL": servers.database_url(roles.HEALER),
        "PREFECT_API_REQUEST_TIMEOUT": "10",  # a frozen server must not hold a heal for a minute
        "OMP_NUM_THREADS": "1",
        "SELFHEAL_CONFIG": str(copy),
        "SELFHEAL_SPOOL": str(folder.path / "spool"),
        "SELFHEAL_WEB_URL": settings.web.address(folder.ports.get(WEB_PORT, settings.web.port)),
    }
    secret = settings.prefect.auth_string.get_secret_value()
    if secret:
        environment["PREFECT_API_AUTH_STRING"] = secret
    ours = {name: text for name, text in os.environ.items() if name.startswith("SELFHEAL_")}
    return {name: text for name, text in ours.items() if not _opens_postgres(name)} | environment


def _opens_postgres(variable: str) -> bool:
    """Whether it is a password of a role that may do more than heal."""
    return variable.startswith("SELFHEAL_POSTGRES__") and variable.endswith("PASSWORD")

"""The whole running stack: embedded servers, migrations, deployments, the worker, and what else is asked for.

`selfheal up` and `selfheal demo` call `run` inside the guardian. Nothing here returns until the stack is stopped.
"""

import logging
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deployments import accepted, apply, logging_config, stackfile
from deployments.embedded import child, roles, stack, worker
from deployments.embedded.datafolder import DataFolder, open_folder
from deployments.embedded.prefect_server import client_environment
from deployments.embedded.stack import NATS_PORT, POSTGRES_PORT, PREFECT_PORT, Servers
from deployments.embedded.worker import Worker
from deployments.migrate import migrate
from deployments.objects.kinds import POOL
from deployments.part import Part, PartStatus
from deployments.prefect_api import PrefectApi
from deployments.reload import Reloader
from deployments.supervisor import Supervisor
from selfheal.model.errors import Permanent, SelfhealError, Transient
from selfheal.protocol import failpoint
from selfheal.settings.estate import Settings

WATCHER = "application-health/application-health"
AT_START = ("reconcile/reconcile", WATCHER)

_log = logging.getLogger(__name__)
_APPLY_TIMEOUT_S = 120


@dataclass(frozen=True, kw_only=True)
class Running:
    """What a stack in an opened folder consists of.

    Attributes:
        settings: that it is started with.
        folder: opened and locked.
        servers: the embedded ones.
        environment: of everything that is a client of them: Prefect's address, our settings, the database.
    """

    settings: Settings
    folder: DataFolder
    servers: Servers
    environment: Mapping[str, str] = field(repr=False)

    def urls(self) -> Mapping[str, str]:
        """Where each server is found, without credentials."""
        return self.servers.urls()


@dataclass(frozen=True, kw_only=True)
class Audience:
    """Who is told what happens to a stack.

    Attributes:
        begins: is given the supervisor once, before it starts, for a thread that waits for `all_ready` or stops it.
        parts: is given the parts at every change, in the main thread; must not wait.
        says: is given a line when the settings were reloaded, or were not.
    """

    begins: Callable[[Supervisor], None]
    parts: Callable[[tuple[PartStatus, ...]], None]
    says: Callable[[str], None]


def open_stack(settings: Settings, *, config: Path | None, data: Path) -> Running:
    """Open the data folder and describe the stack; nothing is started.

    Raises:
        NotAllowed: another stack runs in the folder.
        Permanent: the folder or a port cannot be used, or the settings name what does not exist.
    """
    failpoint.wanted()
    found = accepted.candidate(config)
    if settings.postgres.outside or settings.nats.outside or settings.prefect.outside:
        raise Permanent("this release cannot be started on servers by their url yet", hint="leave out the url")
    wanted = {
        POSTGRES_PORT: settings.postgres.port or None,
        NATS_PORT: settings.nats.port or None,
        PREFECT_PORT: settings.prefect.port or None,
    }
    folder = open_folder(data, wanted_ports=wanted, server_user=settings.run_as)
    servers = stack.servers(folder, identity=child.run_as(settings.run_as, folder=folder.path))
    copy = accepted.accept(folder.path, found)
    environment = _environment(folder, servers, copy)
    environment |= logging_config.write(folder.path / "run" / "logging.json", found.settings.logging)
    return Running(settings=found.settings, folder=folder, servers=servers, environment=environment)


def database_url(folder: DataFolder, servers: Servers, role: str) -> str:
    """SQLAlchemy's URL of our database as `healing_user` or as the migrator."""
    passwords = {
        roles.HEALER: folder.credentials.healing_user,
        roles.MIGRATOR: folder.credentials.selfheal_migrator,
    }
    return servers.postgres.url(user=role, password=passwords[role], database=roles.SELFHEAL_DATABASE)


def run(
    running: Running,
    *,
    also: Sequence[Part] = (),
    limit: int,
    audience: Audience,
) -> None:
    """Supervise the stack, in the main thread, until a stop signal.

    Args:
        running: from `open_stack`.
        also: further parts, e.g. the demo estate.
        limit: flow runs at the same time.
        audience: is told what happens.

    Raises:
        Permanent: a part refused its very first start.
    """
    folder = running.folder

    def publish(parts: tuple[PartStatus, ...]) -> None:
        audience.parts(parts)
        config = running.environment["SELFHEAL_CONFIG"]
        kept = stackfile.current(urls=running.urls(), ports=folder.ports, parts=parts, config=config)
        stackfile.write(folder.stack_file, kept)

    def renew() -> None:
        _apply(running)
        _begin(running.servers.prefect.ui_url, [WATCHER], key=uuid.uuid4().hex)

    reloader = Reloader(data=folder.path, started=running.settings, renew=renew, say=audience.says)
    supervisor = Supervisor([*_parts(running, limit=limit), *also], publish=publish, on_hangup=reloader.ask)
    audience.begins(supervisor)
    try:
        supervisor.run()
    finally:
        stackfile.remove(folder.stack_file)


def _parts(running: Running, *, limit: int) -> list[Part]:
    """The servers, then the worker."""
    folder, servers = running.folder, running.servers
    embedded = stack.parts(
        servers,
        passwords=roles.RolePasswords.of(folder.credentials),
        after_postgres=lambda: _log.info("schema %s", migrate(database_url(folder, servers, roles.MIGRATOR))),
        after_prefect=lambda: _apply(running),
    )
    described = Worker(
        name="worker",
        pool=POOL,
        limit=limit,
        api_url=servers.prefect.api_url,
        home=folder.path / "home",
        log=folder.logs / "worker.log",
        working_folder=folder.path / "home",
        environment=running.environment,
    )
    watching = worker.part(
        described, on_ready=lambda: _begin(servers.prefect.ui_url, AT_START, key=described.start_key)
    )
    return [*embedded, watching]


def _environment(folder: DataFolder, servers: Servers, settings: Path) -> dict[str, str]:
    """What a client of the stack needs; it holds the database's password."""
    environment = {
        **client_environment(api_url=servers.prefect.api_url, home=folder.path / "home"),
        "SELFHEAL_DATABASE_URL": database_url(folder, servers, roles.HEALER),
        "PREFECT_API_REQUEST_TIMEOUT": "10",  # a frozen server must not hold a heal for a minute
        "OMP_NUM_THREADS": "1",
        "SELFHEAL_CONFIG": str(settings),
    }
    return {name: text for name, text in os.environ.items() if name.startswith("SELFHEAL_")} | environment


def _apply(running: Running) -> None:
    """Bring pool, deployments and limits to the server, in a process of its own: it imports Prefect and the flows."""
    log = running.folder.logs / "apply.log"
    done = subprocess.run(
        [sys.executable, "-m", "deployments.apply", "--adopt"],
        env={**child.base_environment(home=running.folder.path / "home"), **running.environment},
        cwd=running.folder.path / "home",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_APPLY_TIMEOUT_S,
        check=False,
    )
    with log.open("a", encoding="utf-8") as kept:
        kept.write(done.stdout + done.stderr)
    if done.returncode == apply.REFUSED:
        raise Permanent(done.stderr.strip().removeprefix("selfheal: "))
    if done.returncode != 0:
        raise Transient("the deployments could not be applied to the Prefect server", hint=f"see {log}")


def _begin(url: str, deployments: Sequence[str], *, key: str) -> None:
    """Begin a run of each now: after a worker's start, or a reload, nothing waits for a schedule.

    Args:
        url: of the Prefect server.
        deployments: FLOW/NAME of each.
        key: of this start; asked again, also after a lost answer, it begins nothing more.
    """
    try:
        with PrefectApi(url, timeout_s=10.0) as prefect:
            for name in deployments:
                prefect.start(name, {}, key=f"{name}/{key}")
    except SelfhealError as error:
        raise Transient(f"the first runs could not be begun: {error}") from error

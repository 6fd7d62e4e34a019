"""The whole running stack: embedded servers, migrations, deployments, the worker, and what else is asked for.

`selfheal up` and `selfheal demo` call `run` inside the guardian. Nothing here returns until the stack is stopped.
"""

import hashlib
import logging
import os
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from deployments import apply, stackfile, web
from deployments.begin import AT_START, AT_START_OF_LOGS, AT_START_OF_WORKFLOWS, LOGS, WATCHER, begin
from deployments.embedded import child, roles, stack, worker
from deployments.embedded import web as web_part
from deployments.embedded.worker import Worker
from deployments.migrate import migrate
from deployments.objects.declared import HEALS
from deployments.objects.kinds import POOL
from deployments.outside.prefect import OutsidePrefect
from deployments.part import Part, PartStatus
from deployments.prefect_api import PrefectApi
from deployments.prefork.options import RESERVED_QUEUE
from deployments.reload import Reloader
from deployments.running import Running
from deployments.supervisor import Supervisor
from deployments.up_rounds import Surroundings, going_round
from selfheal.model.errors import Permanent, Transient
from selfheal.store.engine import open_engine
from selfheal.store.tokens import Tokens

_log = logging.getLogger(__name__)
_APPLY_TIMEOUT_S = 120


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


def run(
    running: Running,
    *,
    also: Sequence[Part] = (),
    limit: int,
    audience: Audience,
) -> None:
    """Supervise the stack, in the main thread, until a stop signal.

    Args:
        running: from `running.open_stack`.
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

    around = _surroundings(running)

    def renew() -> None:
        web.give_settings(folder.path)
        _apply(running)
        around.schedule()
        _begin(running, [WATCHER, LOGS], key=uuid.uuid4().hex)

    reloader = Reloader(data=folder.path, started=running.settings, renew=renew, say=audience.says)
    parts = [*_parts(running, limit=limit, schedule=around.schedule), *also]
    supervisor = Supervisor(parts, publish=publish, on_hangup=reloader.ask)
    audience.begins(supervisor)
    try:
        with going_round(around, supervisor):
            supervisor.run()
    finally:
        stackfile.remove(folder.stack_file)


def _surroundings(running: Running) -> Surroundings:
    """What is looked at beside the supervisor."""

    def begin_watcher(mechanism: str) -> None:
        _begin(running, [f"{mechanism}/{mechanism}"], key=uuid.uuid4().hex)

    return Surroundings(
        servers=running.servers,
        config=Path(running.environment["SELFHEAL_CONFIG"]),
        spool=running.environment["SELFHEAL_SPOOL"],
        database_url=running.servers.database_url(roles.HEALER),
        prefect=lambda: _prefect(running),
        begin_watcher=begin_watcher,
    )


def _migrate(running: Running) -> None:
    """The schema, and in a demo the token that everybody comes in by."""
    url = running.servers.database_url(roles.MIGRATOR)
    _log.info("schema %s", migrate(url))
    if running.web is not None and running.web.open_secret:
        engine = open_engine(url, pool_size=1)
        try:
            Tokens(engine).open_door(running.web.open_secret)
        finally:
            engine.dispose()


def _parts(running: Running, *, limit: int, schedule: Callable[[], None]) -> list[Part]:
    """The servers, then the worker and the web server."""
    folder, servers = running.folder, running.servers
    embedded = stack.parts(
        servers,
        after_postgres=lambda: _migrate(running),
        after_prefect=lambda: _apply(running),
    )
    described = Worker(
        name=_worker_name(folder.path),
        pool=POOL,
        kind=running.settings.prefect.worker,
        limit=limit,
        api_url=servers.prefect.api_url,
        home=folder.path / "home",
        log=folder.logs / "worker.log",
        working_folder=folder.path / "home",
        environment={**running.environment, RESERVED_QUEUE: HEALS},
    )
    settings = running.settings
    first = (
        *AT_START,
        *(AT_START_OF_WORKFLOWS if settings.workflows.there_are else ()),
        *(AT_START_OF_LOGS if settings.log_monitor.there_are else ()),
    )

    def on_ready() -> None:
        schedule()
        _begin(running, first, key=described.start_key)

    watching = worker.part(described, depends_on=frozenset({"postgres", "prefect"}), on_ready=on_ready)
    return [*embedded, watching, *([] if running.web is None else [web_part.part(running.web)])]


def _worker_name(data: Path) -> str:
    """Another one for each stack of a pool, the same at each of its starts."""
    return f"selfheal-{socket.gethostname()}-{hashlib.sha256(os.fsencode(data)).hexdigest()[:6]}"


def _apply(running: Running) -> None:
    """Bring pool, deployments and limits to the server, in a process of its own: it imports Prefect and the flows.

    Raises:
        Permanent: what is there is somebody else's, or a setting is wrong.
        Transient: it could not be done, or not in time.
    """
    log = running.folder.logs / "apply.log"
    adopt = [] if isinstance(running.servers.prefect, OutsidePrefect) else ["--adopt"]
    try:
        done = subprocess.run(
            [sys.executable, "-m", "deployments.apply", *adopt],
            env={**child.base_environment(home=running.folder.path / "home"), **running.environment},
            cwd=running.folder.path / "home",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_APPLY_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Transient(
            f"the deployments were not applied to the Prefect server within {_APPLY_TIMEOUT_S} s",
            hint="see whether that server is slow, or this machine busy",
        ) from error
    with log.open("a", encoding="utf-8") as kept:
        kept.write(done.stdout + done.stderr)
    if done.returncode == apply.REFUSED:
        raise Permanent(done.stderr.strip().removeprefix("selfheal: "))
    if done.returncode != 0:
        raise Transient("the deployments could not be applied to the Prefect server", hint=f"see {log}")


def _begin(running: Running, names: Sequence[str], *, key: str) -> None:
    """Begin a run of each now, once per key."""
    with _prefect(running) as api:
        begin(api, names, key=key)


def _prefect(running: Running) -> PrefectApi:
    secret = running.settings.prefect.auth_string.get_secret_value()
    return PrefectApi(running.servers.prefect.ui_url, auth_string=secret, timeout_s=10.0)

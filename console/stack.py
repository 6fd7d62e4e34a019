"""A stack in the foreground: what `up` and `demo` have in common, inside the guardian's child."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from logging.handlers import RotatingFileHandler
from pathlib import Path

from console.narrator import Narrator
from deployments import up
from deployments.embedded import roles
from deployments.part import Part, PartStatus, State
from deployments.running import Running
from deployments.supervisor import Supervisor
from selfheal.logs import TEXT, JsonFormatter, Masked
from selfheal.model.errors import Transient
from selfheal.settings.logs import Logging

_log = logging.getLogger(__name__)

LOG = "selfheal.log"
LOOK_S = 0.2
LARGEST_LOG_BYTES = 10 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Companion:
    """What runs in a thread beside the supervisor, from its start to its end.

    Attributes:
        supervisor: may be stopped, and tells when all parts are ready.
        ended: set when the stack is being stopped.
    """

    supervisor: Supervisor
    ended: threading.Event

    def wait_ready(self, *, within_s: float | None = None) -> bool:
        """Wait until every part is ready; False when the stack ends before.

        Raises:
            Transient: it was not ready in time.
        """
        end = None if within_s is None else time.monotonic() + within_s
        while not self.ended.is_set():
            if self.supervisor.all_ready.wait(LOOK_S):
                return True
            if end is not None and time.monotonic() >= end:
                raise Transient(f"the stack was not ready within {within_s:g} s")
        return False


def log_file(data: Path) -> Path:
    """Where our own log is."""
    return data / "logs" / LOG


def run(
    running: Running,
    *,
    also: Sequence[Part] = (),
    limit: int,
    narrator: Narrator,
    companion: Callable[[Companion], None],
) -> None:
    """Run the stack in the main thread until a stop signal, with a companion beside it.

    Raises:
        Permanent: a part refused its very first start.
    """
    _log_into(log_file(running.folder.path), running.settings.logging)
    ended = threading.Event()
    threads: list[threading.Thread] = []

    def begin(supervisor: Supervisor) -> None:
        beside = Companion(supervisor=supervisor, ended=ended)
        threads.append(threading.Thread(target=_logged, args=(companion, beside), daemon=True, name="companion"))
        threads[0].start()

    def told(parts: tuple[PartStatus, ...]) -> None:
        if any(part.state in {State.STOPPING, State.STOPPED} for part in parts):
            ended.set()
        narrator.parts(parts)

    try:
        audience = up.Audience(begins=begin, parts=told, says=narrator.say)
        up.run(running, also=also, limit=limit, audience=audience)
    finally:
        ended.set()
        for thread in threads:
            thread.join(timeout=10)


def _logged(companion: Callable[[Companion], None], beside: Companion) -> None:
    """Run the companion; a bug in it goes into the log, not onto the console, and leaves the stack alone."""
    try:
        companion(beside)
    except Exception:  # noqa: BLE001 - whatever it is, the stack goes on
        _log.exception("what runs beside the stack broke")


def database_url(running: Running) -> str:
    """SQLAlchemy's URL of the stack's database as `healing_user`."""
    return running.servers.database_url(roles.HEALER)


def _log_into(path: Path, settings: Logging) -> None:
    """Our own log goes into the data folder, nothing of it onto the console."""
    handler = RotatingFileHandler(path, maxBytes=LARGEST_LOG_BYTES, backupCount=1, encoding="utf-8")
    handler.setFormatter(JsonFormatter() if settings.format == "json" else logging.Formatter(TEXT))
    handler.addFilter(Masked())
    logging.basicConfig(level=settings.level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    logging.raiseExceptions = False  # a full disk is told by the parts' states, not by a traceback for each line
    logging.getLogger("httpx").setLevel(logging.WARNING)

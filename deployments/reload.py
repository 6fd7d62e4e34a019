"""Takes an edited settings file up while the stack runs; the supervisor's process does it, others ask for it.

The stack's own process knows the environment that stands above the file, and there is one of it: two requests take
turns. `selfheal reload` leaves a request in `run/` and sends SIGHUP; SIGHUP alone means the same file as before.
"""

import json
import logging
import os
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from deployments import accepted
from deployments.embedded.files import write_private
from selfheal.model.errors import Permanent, SelfhealError
from selfheal.settings.changes import Change, differences
from selfheal.settings.estate import Settings
from selfheal.settings.file import variables

REQUEST, ANSWER = "reload-request.json", "reload-answer.json"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Request:
    """What somebody asks for.

    Attributes:
        id: to find the answer.
        config: another file than before; empty: the same.
        dry_run: only tell what would change.
    """

    id: str = ""
    config: str = ""
    dry_run: bool = False


@dataclass(frozen=True, kw_only=True)
class Reloaded:
    """What became of it.

    Attributes:
        id: of the request.
        source: the file.
        wrong: what is wrong with the file, which then changed nothing; empty: nothing.
        hint: what to do about it.
        changes: what differs from what was in force.
        overrides: names of the stack's environment variables that stay above the file.
        needs_restart: settings that count only after a restart: of this reload, and of earlier ones.
        late: why the running watcher could not be replaced yet, although the settings are in force.
    """

    id: str
    source: str
    wrong: str = ""
    hint: str = ""
    changes: tuple[Change, ...] = ()
    overrides: tuple[str, ...] = ()
    needs_restart: tuple[str, ...] = ()
    late: str = ""


@dataclass(kw_only=True)
class Reloader:
    """The side of the stack. Not frozen: it has a thread while something is asked for.

    Attributes:
        data: the data folder.
        started: the settings that the servers were started with.
        renew: tells the Prefect server of the new settings and begins a new watcher; may raise.
        say: is given one line per reload.
    """

    data: Path
    started: Settings
    renew: Callable[[], None]
    say: Callable[[str], None]
    _wanted: threading.Event = field(default_factory=threading.Event, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)

    def ask(self) -> None:
        """Reload soon, in a thread of its own; never waits. Called by the supervisor in its main thread."""
        self._wanted.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, daemon=True, name="reload")
            self._thread.start()

    def _serve(self) -> None:
        while self._wanted.wait():
            self._wanted.clear()
            try:
                self._once()
            except SelfhealError as error:
                _log.error("the settings are not reloaded: %s", error)
            except Exception:  # noqa: BLE001 - whatever it is, the stack goes on with what it had
                _log.exception("reloading broke; the settings in force stay")

    def _once(self) -> None:
        request = _taken(self.data)
        done = self._reload(request)
        write_private(self.data / "run" / ANSWER, json.dumps(asdict(done)))
        self.say(_told(done, request))

    def _reload(self, request: Request) -> Reloaded:
        """Validate, put in force, begin to watch with it."""
        known = accepted.about(self.data)
        source = request.config or (known.source if known else "")
        done: dict[str, Any] = {"id": request.id, "source": source}
        try:
            if not source:
                raise Permanent("the stack was started without a settings file", hint="name one with --config FILE")
            found = accepted.candidate(Path(source))
            before = accepted.candidate(accepted.copy_in(self.data)).settings
            changes = differences(before, found.settings)
            waiting = tuple(one.setting for one in differences(self.started, found.settings) if one.needs_restart)
            done |= {"changes": changes, "overrides": tuple(variables(os.environ)), "needs_restart": waiting}
            if request.dry_run:
                return Reloaded(**done)
            accepted.accept(self.data, found, needs_restart=waiting)
        except SelfhealError as error:
            return Reloaded(**done, wrong=error.message, hint=error.hint)
        try:
            self.renew()
        except SelfhealError as error:
            return Reloaded(**done, late=error.message)
        return Reloaded(**done)


def _taken(data: Path) -> Request:
    """The request that was left, taken away; a plain one where none was."""
    path = data / "run" / REQUEST
    try:
        request = Request(**json.loads(path.read_text(encoding="utf-8")))
        path.unlink()
    except (OSError, ValueError, TypeError):
        return Request()
    return request


def _told(done: Reloaded, request: Request) -> str:
    if done.wrong:
        return f"settings NOT reloaded, those in force stay: {done.wrong}"
    if request.dry_run:
        return f"settings compared with {done.source}: {len(done.changes)} changes"
    late = f"; the watcher is not replaced yet: {done.late}" if done.late else ""
    return f"settings reloaded from {done.source}: {len(done.changes)} changes{late}"

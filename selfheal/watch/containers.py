"""Changes of containers at once: one thread follows a Docker engine's events. Used by the watcher.

List and watch: the stream ends silently when dockerd dies, and what happened meanwhile is never told. So the thread
lists after each subscription and tells what differs from the last time.
"""

import logging
import threading
from collections.abc import Callable, Mapping

from selfheal.model.errors import SelfhealError
from selfheal.model.observation import Incarnation
from selfheal.ports import Changes, ContainerControl

_log = logging.getLogger(__name__)
_AGAIN_S = 0.25
_JOIN_S = 2.0


class Containers:
    """Calls back when a watched container may look different.

    Args:
        engine: whose events are followed.
        watched: names of containers by the name of the component that they run.
        on_change: gets the component's name; called in this class's thread.
    """

    def __init__(self, engine: ContainerControl, watched: Mapping[str, str], on_change: Callable[[str], None]) -> None:
        self._engine, self._on_change = engine, on_change
        self._components: dict[str, list[str]] = {}
        for component, container in watched.items():
            self._components.setdefault(container, []).append(component)
        self._lives: dict[str, Incarnation] = {}
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._stream: Changes | None = None
        self._complaint = ""
        self._thread = threading.Thread(target=self._watch, name="selfheal-containers", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop following. A thread that a frozen dockerd holds is not waited for: it ends with its next answer."""
        self._closed.set()
        with self._lock:
            if self._stream is not None:
                self._stream.close()
        self._thread.join(_JOIN_S)

    def _watch(self) -> None:
        while not self._closed.is_set():
            try:
                self._follow(self._engine.changes())
            except SelfhealError as error:
                self._complain(str(error))
            except Exception:  # noqa: BLE001 - whatever broke, the containers are followed on
                _log.exception("following containers broke; the sweeps go on")
            self._closed.wait(_AGAIN_S)

    def _follow(self, stream: Changes) -> None:
        """Compare, then tell changes until the stream ends."""
        with self._lock:
            self._stream = stream
        try:
            if self._closed.is_set():
                return
            self._compare()
            self._complaint = ""
            for container in stream:
                if self._closed.is_set():
                    return
                if container in self._components:
                    self._tell(container)
                    self._lives[container] = self._engine.container(container)
        finally:
            with self._lock:
                self._stream = None
                stream.close()

    def _compare(self) -> None:
        """List, and tell what is not as it was when we last listed or were told."""
        lives = self._engine.containers(self._components.keys())
        changed = [name for name, life in lives.items() if name in self._lives and life != self._lives[name]]
        self._lives = dict(lives)
        for container in changed:
            self._tell(container)

    def _tell(self, container: str) -> None:
        """Call back; a callback that breaks must not end the watch over the other containers."""
        for component in self._components[container]:
            try:
                self._on_change(component)
            except Exception:  # noqa: BLE001 - whatever the callback is, the other containers are watched on
                _log.exception("what follows from a change of %s broke; the next sweep sees it", component)

    def _complain(self, said: str) -> None:
        """Say once that events are not seen, not four times a second."""
        if said != self._complaint:
            _log.warning("changes of containers are seen by the sweeps only: %s", said)
        self._complaint = said

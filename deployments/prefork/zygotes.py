"""The worker's side: starts a zygote, replaces it when it is too old or dead, and has children forked from it."""

import asyncio
import errno
import logging
import time
from collections.abc import Awaitable, Callable, Sequence

from deployments.prefork import preload, started
from deployments.prefork.forked import Dead, Forked, bury
from deployments.prefork.renewal import Renewal, When, renewal
from deployments.prefork.request import Request
from deployments.prefork.started import NoZygoteError, Zygote

REST_SECONDS = 60.0
TRIES = 3
OURS = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ETOOMANYREFS}
"""What the worker itself is short of: another zygote would not help."""

Log = logging.Logger | logging.LoggerAdapter[logging.Logger]


class Zygotes:
    """Forks children from a zygote that is always of today."""

    def __init__(self, *, modules: Callable[[], Awaitable[Sequence[str]]], most_runs: int, log: Log) -> None:
        """Describe; nothing is started.

        Args:
            modules: asked before each start for what is to be imported ahead.
            most_runs: that one zygote forks.
            log: is told of every start.
        """
        self._modules = modules
        self._most_runs = most_runs
        self._log = log
        self._current: Zygote | None = None
        self._next: asyncio.Task[Zygote] | None = None
        self._one_at_a_time = asyncio.Lock()
        self._seen: set[str] = set()
        self._watches: set[asyncio.Task[None]] = set()
        self._refused, self._rests_until = "", 0.0
        self._spoiling: dict[str, str] = {}
        self._dead: set[Dead] = set()

    def begin(self) -> None:
        """Start the first zygote, without waiting for it."""
        self._next = asyncio.create_task(self._start())

    async def end(self) -> None:
        """Let the zygote go, and the one that is being started."""
        for task in (self._next, *self._watches):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        self._drop()

    async def refusal(self) -> str:
        """Why nothing can be forked at the moment; empty: it can. A zygote that could not be started gets a rest."""
        if time.monotonic() < self._rests_until:
            return self._refused
        try:
            await self._of_today()
        except NoZygoteError as error:
            self._refused, self._rests_until = str(error), time.monotonic() + REST_SECONDS
            self._log.warning("Runs are started as by the process worker: %s", error)
            return self._refused
        return ""

    async def fork(self, request: Callable[[Zygote], Request], *, module: str = "", output: int, errors: int) -> Forked:
        """Fork a child and tell it what to run.

        Args:
            request: is given the zygote that it is forked from.
            module: that the run's flow is in, if it could be imported ahead; the next zygote does.
            output: file descriptor that it writes its output to; stays the caller's.
            errors: the same for its errors.

        Raises:
            NoZygoteError: no zygote can be started, or nothing can be forked from one.
        """
        if module:
            self._seen.add(module)
        why = ""
        for _ in range(TRIES):
            current = await self._of_today()
            try:
                return await current.fork(request(current), output, errors)
            except (OSError, TimeoutError) as error:
                if isinstance(error, OSError) and error.errno in OURS:
                    raise NoZygoteError(f"nothing can be forked: {error.strerror}") from error
                why = str(error) or "it does not answer"
                self._log.warning("The zygote does not fork, another one is started: %s", why)
                self._drop(current)
        raise NoZygoteError(f"nothing can be forked: {why}")

    def bury(self) -> None:
        """Collect what has ended and nobody waits for: what runs had left to us, and children we no longer hear of."""
        self._dead = bury(self._dead)

    async def _of_today(self) -> Zygote:
        """The zygote to fork from: another one when there is none or its files have changed."""
        async with self._one_at_a_time:
            if self._next is not None and self._next.done():
                self._take_over(await asyncio.gather(self._next, return_exceptions=True))
            found = None if self._current is None else self._look(self._current)
            if found is not None and found.when is When.NOW:
                self._log.info("Another zygote is started: %s", found.why)
                self._spoiling.clear()
                self._drop()
            elif found is not None and self._next is None:
                self._log.info("Another zygote is started while this one goes on: %s", found.why)
                self._next = asyncio.create_task(self._start())
            if self._current is None:
                self._next = self._next or asyncio.create_task(self._start())
                starting, self._next = self._next, None
                self._current = await starting
                self._watch(self._current)
            return self._current

    def _take_over(self, started: Sequence[Zygote | BaseException]) -> None:
        """Go on with the one that was started beside; if it was not, with the old one."""
        self._next = None
        for one in started:
            if isinstance(one, Zygote):
                self._drop()
                self._current = one
                self._watch(one)
            else:
                self._log.warning("Another zygote could not be started: %s", one)

    def _look(self, current: Zygote) -> Renewal | None:
        return renewal(
            current.ready,
            now={path: preload.stamp(path) for path in current.ready.files},
            runs=current.runs,
            most_runs=self._most_runs,
            rss=current.rss(),
            wanted=self._seen,
        )

    def _drop(self, which: Zygote | None = None) -> None:
        """Let the current one go; if another one is current by now, nothing."""
        current = self._current
        if current is not None and which in {None, current}:
            self._current = None
            current.end()

    def _watch(self, one: Zygote) -> None:
        """Start another one as soon as this one dies by itself."""

        async def watch() -> None:
            code = await one.process.wait()
            if self._current is one:
                self._log.warning("The zygote has ended with %s, its runs go on; another one is started", code)
                self._drop(one)
                self._next = self._next or asyncio.create_task(self._start())

        task = asyncio.create_task(watch())
        self._watches.add(task)
        task.add_done_callback(self._watches.discard)

    async def _start(self) -> Zygote:
        """Start one and wait until it can fork.

        Raises:
            NoZygoteError: it cannot.
        """
        one = await started.start(sorted({*await self._modules(), *self._seen}), self._spoiling)
        for module, why in one.ready.left_out.items():
            self._log.info("%s %s: it is not imported ahead, each run does so itself", module, why)
        self._log.info("Zygote %s is ready, %s modules are imported ahead", one.process.pid, len(one.ready.modules))
        return one

"""Takes reloaded settings up while the server runs: the stack replaces their file, and the next request goes by it."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from console.web.services import Services, Surroundings, connected
from selfheal.model.errors import SelfhealError
from selfheal.settings.file import load

_log = logging.getLogger(__name__)
EVERY_S = 1.0


@contextlib.asynccontextmanager
async def following(app: FastAPI, config: Path | None, around: Surroundings) -> AsyncIterator[None]:
    """Look every second whether the file is another one."""
    task = asyncio.create_task(_follow(app, config, around), name="settings") if config else None
    try:
        yield
    finally:
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def _follow(app: FastAPI, config: Path, around: Surroundings) -> None:
    known = _stamp(config)
    while True:
        await asyncio.sleep(EVERY_S)
        now = _stamp(config)
        if now in {known, None}:
            continue
        known = now
        try:
            services = await run_in_threadpool(_loaded, config, around)
        except SelfhealError as error:
            _log.error("the settings in force stay: %s", error)
            continue
        before: Services = app.state.services
        app.state.services = services
        before.engine.dispose()  # what is still borrowed is closed when it comes back
        _log.info("the settings were reloaded")


def _loaded(config: Path, around: Surroundings) -> Services:
    return connected(load(config), around)


def _stamp(config: Path) -> tuple[int, int] | None:
    """What another file differs in; None while there is none."""
    try:
        found = config.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns

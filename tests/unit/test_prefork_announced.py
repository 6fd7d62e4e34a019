"""What the prefork worker does with servers whose events do not come as they should."""

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest

from deployments.prefork import announced
from deployments.prefork.announced import Announcements

POOL = UUID(int=1)


async def _nothing() -> None:
    """There is nothing to look for."""


async def _none() -> AsyncIterator[None]:
    """No event, and the end of the connection."""
    for nothing in ():
        yield nothing


def test_a_server_that_says_nothing_is_given_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It takes the connection and never answers: that is told, and tried again."""
    tried = itertools.count(1)
    again = asyncio.Event()

    @asynccontextmanager
    async def mute(**_: Any) -> AsyncIterator[None]:
        if next(tried) > 1:
            again.set()
        await asyncio.Event().wait()
        yield

    monkeypatch.setattr(announced, "get_events_subscriber", mute)
    monkeypatch.setattr(announced, "CONNECT_S", 0.01)
    monkeypatch.setattr(announced, "FIRST_WAIT_S", 0.01)

    async def scenario() -> None:
        listening = Announcements(look=_nothing, log=logging.getLogger("announced"))
        await listening.hear(POOL)
        await again.wait()
        await listening.end()

    asyncio.run(scenario())
    assert caplog.text.count("no events") == 1


def test_a_server_that_hangs_up_at_once_is_asked_less_and_less(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each connection begins with a look for runs: these must not become more than the worker's own looks."""
    waits = list[float]()
    enough = asyncio.Event()

    @asynccontextmanager
    async def brief(**_: Any) -> AsyncIterator[AsyncIterator[None]]:
        yield _none()

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 4:
            enough.set()
            await asyncio.Event().wait()

    monkeypatch.setattr(announced, "get_events_subscriber", brief)
    monkeypatch.setattr("deployments.prefork.announced.asyncio.sleep", sleep)

    async def scenario() -> None:
        listening = Announcements(look=_nothing, log=logging.getLogger("announced"))
        await listening.hear(POOL)
        await enough.wait()
        await listening.end()

    asyncio.run(scenario())
    assert waits == [1.0, 2.0, 4.0, 8.0]

"""People of the running stack: each has a token of their own, for a browser or for the API.

`conftest.py` imports the fixture `people`.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
import pytest
from browser_fixtures import logged_in
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import Engine
from stack_fixture import StackUnderTest, until

from deployments import attach
from deployments.embedded.roles import MIGRATOR
from selfheal.model.identity import Role
from selfheal.settings.file import load
from selfheal.store.engine import open_engine
from selfheal.store.tokens import Tokens

SET_MODE = "mutation($action: String!, $mode: ActionMode!) { setMode(action: $action, mode: $mode, why: %s) { mode } }"


@dataclass(frozen=True, kw_only=True)
class People:
    """Whoever works with the stack.

    Attributes:
        stack: it.
        url: of its dashboard.
    """

    stack: StackUnderTest
    url: str
    _owner: Engine = field(repr=False)

    def secret(self, name: str, role: Role) -> str:
        """A new token of somebody."""
        return Tokens(self._owner).issue(name, role, None, timedelta(days=1), "root")[0]

    def looking(
        self, chromium: Browser, name: str, role: Role, *, said: list[str] | None = None, **options: Any
    ) -> AbstractContextManager[Page]:
        """Their browser; see `logged_in`."""
        return logged_in(chromium, self.url, self.secret(name, role), said=said, **options)

    def ask(self, name: str, role: Role, query: str, **variables: str) -> Any:
        """What the API answers them."""
        shown = {"authorization": f"Bearer {self.secret(name, role)}"}
        with httpx.Client(base_url=self.url, headers=shown, trust_env=False, timeout=30) as client:
            answer = client.post("/graphql", json={"query": query, "variables": variables}).json()
        assert "errors" not in answer, answer
        return answer["data"]

    def mode(self, mode: str) -> None:
        """How far a restart of a service may go by itself."""
        self.ask("ada", Role.ADMIN, SET_MODE % '"a test"', action="restart-service", mode=mode)


@pytest.fixture
def people(stack: StackUnderTest) -> Iterator[People]:
    """With a stack that is ready, and an estate that is healthy."""
    until(lambda: stack.ready() and stack.healthy(), seconds=180, told=lambda: stack.selfheal("status").out)
    running = attach.running(stack.data)
    assert running is not None
    owner = open_engine(attach.database_url(stack.data, load(stack.config, stack.env), role=MIGRATOR), pool_size=1)
    yield People(stack=stack, url=running.urls["web"], _owner=owner)
    owner.dispose()


def live(page: Page, address: str) -> None:
    """Open a page that hears of what happens; it is marked, and a reload would take the mark away."""
    page.goto(address)
    expect(page.locator("#live")).to_have_text("live")
    page.evaluate("window.still = 'the same page'")


def never_reloaded(page: Page) -> bool:
    """Whether it is the page that was opened."""
    return bool(page.evaluate("window.still === 'the same page'"))

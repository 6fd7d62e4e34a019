"""A real Chromium, and people who look at pages with it; what it complains of is kept.

The `conftest.py` of `tests/browser` and of `tests/acceptance` import the fixture `chromium`.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

CHROMIUM = shutil.which("chromium")
SLOWEST_MS = 60_000
"""A heal may take long on a machine that does much else."""
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, for the tests of a file; without one these tests are skipped by name.

    It ends with the file: while it runs no other test of this process could begin an event loop of its own.
    """
    if CHROMIUM is None:
        pytest.skip("there is no chromium on this machine")
    expect.set_options(timeout=SLOWEST_MS)
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield browser
        browser.close()


@contextmanager
def logged_in(
    chromium: Browser, url: str, secret: str, *, said: list[str] | None = None, **options: Any
) -> Iterator[Page]:
    """A browser in which somebody has logged in, with a profile of its own.

    Args:
        chromium: it.
        url: of the dashboard.
        secret: of their token.
        said: gets what it complains of, and every address elsewhere that it asks.
        options: of the profile.
    """
    complaints = [] if said is None else said
    with chromium.new_context(base_url=url, **options) as context:
        context.set_default_timeout(SLOWEST_MS)
        context.on("console", lambda one: complaints.append(one.text) if one.type in {"error", "warning"} else None)
        context.on("weberror", lambda one: complaints.append(str(one.error)))
        context.on("request", lambda one: None if one.url.startswith(f"{url}/") else complaints.append(one.url))
        page = context.new_page()
        page.goto("/login")
        page.get_by_label("Your token").fill(secret)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url(f"{url}/")
        yield page


def violations(page: Page) -> list[str]:
    """What axe finds."""
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {one['help']}: {one['nodes'][0]['html'][:200]}" for one in found]


def fits(page: Page) -> bool:
    """Whether nothing is wider than the window."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))

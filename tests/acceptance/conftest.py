"""One stack for all acceptance tests of a session, and a real Chromium to look at it with."""

from pathlib import Path

import pytest
from browser_fixtures import chromium  # noqa: F401 - pytest finds fixtures by import
from real_estate import place  # noqa: F401 - the same
from stack_fixture import STANDING, stack  # noqa: F401 - the same
from stack_people import people  # noqa: F401 - the same

HERE = Path(__file__).parent


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> None:
    """Where other tests follow, the stack ends: it would go on watching and running flows beside all of them."""
    if nextitem is not None and nextitem.path.parent != HERE:
        STANDING.close()

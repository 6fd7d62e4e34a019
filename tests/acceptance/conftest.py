"""One stack for all acceptance tests of a session, and a real Chromium to look at it with."""

from browser_fixtures import chromium  # noqa: F401 - pytest finds fixtures by import
from real_estate import place  # noqa: F401 - the same
from stack_fixture import stack  # noqa: F401 - the same
from stack_people import people  # noqa: F401 - the same

"""A real Chromium, one for the tests of a file; each test has a browser profile of its own."""

from browser_fixtures import chromium  # noqa: F401 - pytest finds fixtures by import

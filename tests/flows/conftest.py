"""Fixtures of the tests that need a Prefect server."""

from prefect_fixtures import broken, dead, healing, prefect_server  # noqa: F401 - pytest finds fixtures by import
from real_estate import place  # noqa: F401 - the same

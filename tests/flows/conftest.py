"""Fixtures of the tests that need a Prefect server."""

from prefect_fixtures import broken, dead, healing, prefect_server  # noqa: F401 - pytest finds fixtures by import

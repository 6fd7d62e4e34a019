"""Fixtures of the tests that need a Prefect server."""

from prefect_fixtures import (  # noqa: F401 - pytest finds fixtures by import
    broken,
    dead,
    healing,
    prefect_server,
    prompt,
)
from real_estate import place  # noqa: F401 - the same

"""Persons for tests: the database as the web server sees it, and somebody of each role.

`tests/conftest.py` imports the fixtures `api_engine` and `issued`.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from uuid import UUID

import pytest
from embedded_fixtures import Embedded
from sqlalchemy import Engine

from deployments.embedded import roles
from selfheal.model.identity import Identity, Role
from selfheal.store.engine import open_engine
from selfheal.store.tokens import Tokens

ACME = UUID("0197f000-0000-7000-8000-00000000ac3e")
OTHER = UUID("0197f000-0000-7000-8000-0000000007e4")

Issue = Callable[..., tuple[str, Identity]]


@pytest.fixture(scope="session")
def api_engine(embedded_postgres: Embedded, database_url: str) -> Iterator[Engine]:
    """The migrated database as the web server."""
    engine = open_engine(embedded_postgres.url(roles.API))
    yield engine
    engine.dispose()


@pytest.fixture
def issued(owner_engine: Engine, api_engine: Engine) -> Issue:
    """Give somebody a token: its secret, and the person as the web server finds them."""

    def issue(
        name: str, role: Role = Role.VIEWER, tenant: UUID | None = None, lasts: timedelta = timedelta(days=1)
    ) -> tuple[str, Identity]:
        secret, _ = Tokens(owner_engine).issue(name, role, tenant, lasts, "root")
        found = Tokens(api_engine).find(secret)
        assert found is not None
        return secret, found

    return issue

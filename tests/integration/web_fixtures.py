"""The web server's real process on the session's Postgres, and people who ask it.

`tests/conftest.py` imports the fixtures `web_process` (session) and `web` (function, with empty tables).
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from embedded_fixtures import Embedded, running, until
from sqlalchemy import Engine

from benchmarks.free_ports import free_ports
from deployments.embedded import child, roles
from selfheal.model.identity import Identity, Role

SETTINGS = """
estate = "test"

[healing]
allow = ["backend"]

[web]
requests_a_minute = 100000
logins_a_minute = 1000
query_page = true

[intake.webhooks.signed]
component = "name"
secret = "a-webhooks-secret-0815"

[supervisors.main]
url = "http://127.0.0.1:9"
username = "ops"
password = "never-told-4711"

[components.backend]
probe = "process"
supervisor = "main"
program = "backend"
group = "shop"
ladder = ["restart-service"]
"""
Issue = Callable[..., tuple[str, Identity]]


@dataclass(frozen=True, kw_only=True)
class WebProcess:
    """A running web server."""

    port: int
    config: Path
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, secret: str = "", **headers: str) -> httpx.Client:
        """Somebody with a token, or nobody."""
        shown = {"authorization": f"Bearer {secret}"} if secret else {}
        return httpx.Client(base_url=self.url, headers=shown | headers, timeout=30, trust_env=False)


@dataclass(frozen=True, kw_only=True)
class Web:
    """The server with empty tables, and tokens for whoever is needed."""

    process: WebProcess
    issue: Issue
    _kept: dict[tuple[Role, UUID | None], str] = field(default_factory=dict)

    def secret(self, role: Role = Role.VIEWER, tenant: UUID | None = None) -> str:
        """The token of one person of this role."""
        if (role, tenant) not in self._kept:
            self._kept[role, tenant] = self.issue(f"{role}-{str(tenant or 'ours')[-4:]}", role, tenant)[0]
        return self._kept[role, tenant]

    def client(self, role: Role = Role.VIEWER, tenant: UUID | None = None) -> httpx.Client:
        return self.process.client(self.secret(role, tenant))

    def ask(
        self,
        query: str,
        variables: dict[str, Any] | None = None,
        *,
        role: Role = Role.VIEWER,
        tenant: UUID | None = None,
    ) -> dict[str, Any]:
        """The answer to a GraphQL query, whatever its status."""
        with self.client(role, tenant) as client:
            answer = client.post("/graphql", json={"query": query, "variables": variables or {}})
        found: dict[str, Any] = answer.json()
        return found

    def code(self, query: str, variables: dict[str, Any] | None = None, *, role: Role = Role.VIEWER) -> str:
        """The code of its first error; empty: there is none."""
        errors = self.ask(query, variables, role=role).get("errors")
        return str(errors[0]["extensions"]["code"]) if errors else ""

    @contextlib.contextmanager
    def login(self, role: Role = Role.VIEWER) -> Iterator[httpx.Client]:
        """A browser that has logged in."""
        with self.process.client() as browser:
            answer = browser.post("/login", data={"token": self.secret(role)})
            assert answer.status_code == httpx.codes.SEE_OTHER, answer.text
            yield browser


@contextlib.contextmanager
def web_server(
    database_url: str, folder: Path, *words: str, settings: str = SETTINGS, **more: str
) -> Iterator[WebProcess]:
    """Start the real process, and end it afterwards."""
    (port,) = free_ports(1)
    config, log = folder / "selfheal.toml", folder / "web.log"
    config.write_text(settings)
    environment = {
        **child.base_environment(home=folder),
        "SELFHEAL_CONFIG": str(config),
        "SELFHEAL_API_DATABASE_URL": database_url,
        "PREFECT_API_URL": "http://127.0.0.1:9/api",
        **more,
    }
    command = [sys.executable, "-m", "console.web", "--port", str(port), *words]
    with log.open("ab") as output:
        process = subprocess.Popen(
            child.wrapped(command, parent=os.getpid()), env=environment, cwd=folder, stdout=output, stderr=output
        )
    server = WebProcess(port=port, config=config, log=log, process=process)
    with running(process, lambda: _answers(server)):
        yield server


def _answers(server: WebProcess) -> bool:
    try:
        return httpx.get(f"{server.url}/healthz", trust_env=False).is_success
    except httpx.HTTPError:
        return False


@pytest.fixture(scope="session")
def web_process(
    embedded_postgres: Embedded, database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WebProcess]:
    """The session's web server."""
    with web_server(embedded_postgres.url(roles.API), tmp_path_factory.mktemp("web")) as server:
        yield server


@pytest.fixture
def web(web_process: WebProcess, empty: Engine, issued: Issue) -> Web:
    """The same with empty tables."""
    return Web(process=web_process, issue=issued)


__all__ = ["Web", "WebProcess", "until", "web", "web_process", "web_server"]

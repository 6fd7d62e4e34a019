"""`selfheal up` on servers that were there before, with another team's work on them."""

import json
import signal
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from embedded_fixtures import opened, running, scratch_folder
from prefect_objects import another_team, dump
from stack_fixture import StackUnderTest, below, estate_running, stack_running, until

from benchmarks.freezing import frozen
from deployments.objects.register import ARTIFACT
from deployments.prefect_api import PrefectApi

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("campaign")]

AUTH = "ops:geheim-auth-4711"
PASSWORD = "geheim-postgres-4711"


@dataclass(frozen=True, kw_only=True)
class Outside:
    """Servers of somebody else's, their processes, and another team's objects on them."""

    urls: Mapping[str, str]
    nats: tuple[str, str]
    pids: Mapping[str, int]
    api: PrefectApi
    before: Mapping[str, Any]

    def toml(self) -> str:
        user, password = self.nats
        return (
            f'[postgres]\nurl = "{self.urls["postgres"]}"\nusername = "ops"\n'
            f'[nats]\nurl = "{self.urls["nats"]}"\nusername = "{user}"\npassword = "{password}"\n'
            f'[prefect]\nurl = "{self.urls["prefect"]}/api"\n'
        )


@pytest.fixture(scope="module")
def outside() -> Iterator[Outside]:
    """A Postgres whose role `ops` may make roles and databases and no more, NATS, and a Prefect server with a login."""
    with scratch_folder() as path, opened(path) as embedded:
        postgres, nats = embedded.servers.postgres, embedded.servers.nats
        with running(postgres.start(), postgres.ready, end=signal.SIGQUIT) as database:
            with psycopg.connect(postgres.superuser_dsn(), autocommit=True) as first:
                first.execute(f"CREATE ROLE ops LOGIN CREATEROLE CREATEDB PASSWORD '{PASSWORD}'".encode())
                first.execute("CREATE DATABASE team_prefect OWNER ops")
            prefect = replace(
                embedded.servers.prefect,
                database_url=postgres.url(
                    user="ops", password=PASSWORD, database="team_prefect", driver="postgresql+asyncpg"
                ),
                extra_environment={"PREFECT_SERVER_API_AUTH_STRING": AUTH},
            )
            with (
                running(nats.start(), nats.ready) as broker,
                running(prefect.start(), prefect.ready) as server,
                PrefectApi(prefect.ui_url, auth_string=AUTH, timeout_s=30) as api,
            ):
                another_team(api)
                yield Outside(
                    urls={
                        "postgres": f"postgresql://127.0.0.1:{postgres.port}/selfheal_test",
                        "nats": nats.url,
                        "prefect": prefect.ui_url,
                    },
                    nats=(nats.user, nats.password),
                    pids={"postgres": database.pid, "nats": broker.pid, "prefect": server.pid},
                    api=api,
                    before=dump(api),
                )


@pytest.fixture(scope="module")
def start(outside: Outside) -> Iterator[Callable[[], StackUnderTest]]:
    """Gives the stack on them, its secrets in the environment; a test that has ended it leaves the next a new one."""
    with ExitStack() as closing:
        data = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="selfheal-by-url-")))
        data.chmod(0o711)
        estate, config = closing.enter_context(estate_running(data))
        config.write_text(_without_servers(config.read_text()) + outside.toml())
        secrets = {"SELFHEAL_POSTGRES__PASSWORD": PASSWORD, "SELFHEAL_PREFECT__AUTH_STRING": AUTH}
        begun: list[StackUnderTest] = []

        def standing() -> StackUnderTest:
            if not begun or begun[-1].up.poll() is not None:
                begun.append(closing.enter_context(stack_running(data, estate, config, **secrets)))
            return begun[-1]

        yield standing


@pytest.fixture
def by_url(start: Callable[[], StackUnderTest]) -> StackUnderTest:
    """The running stack."""
    return start()


def _without_servers(text: str) -> str:
    """The demo's settings without its ports."""
    lines = text.splitlines(keepends=True)
    drop = {"[postgres]", "[nats]", "[prefect]"}
    kept, skipping = [], False
    for line in lines:
        skipping = line.strip() in drop if line.startswith("[") else skipping
        kept += [] if skipping else [line]
    return "".join(kept)


def test_only_the_worker_and_the_web_server_are_parts(by_url: StackUnderTest, outside: Outside) -> None:
    """`status` names where the servers are and supervises none of them; `doctor` finds nothing wrong with them."""
    until(lambda: by_url.selfheal("status").code == 0, told=lambda: by_url.selfheal("status").out)
    told = json.loads(by_url.selfheal("status", "-o", "json").out)
    assert [one["part"] for one in told["parts"]] == ["worker", "web"]
    assert {one["server"]: (one["state"], one["where"]) for one in told["servers"]} == {
        name: ("ready", outside.urls[name]) for name in outside.urls
    }
    checks = json.loads(by_url.selfheal("doctor", "-o", "json").out)["checks"]
    assert [
        one
        for one in checks
        if one["check"] in {"postgres", "nats", "prefect server", "worker"} and one["result"] != "ok"
    ] == []


def test_a_fault_is_healed_and_the_history_tells_it(by_url: StackUnderTest) -> None:
    """A killed program is healed through that Prefect server and recorded in that Postgres."""
    by_url.faults.kill("orchestrator")
    until(lambda: "HEALED" in by_url.selfheal("history", "--component", "orchestrator").out, told=by_url.said)
    done = by_url.selfheal("heal", "backend", "-o", "json")
    assert (done.code, json.loads(done.out)["state"]) == (0, "AlreadyHealthy"), done.err
    assert "run: " in done.err


def test_no_secret_is_told(by_url: StackUnderTest) -> None:
    """Neither arguments nor logs, stack file or answers hold a password that came from the environment."""
    told = [" ".join(one.cmdline()) for one in [psutil.Process(by_url.up.pid), *below(by_url.up.pid)]]
    told += [by_url.selfheal("status").out, by_url.selfheal("doctor").out, by_url.said()]
    files = [*(by_url.data / "logs").iterdir(), *(by_url.data / "run").iterdir()]
    told += [one.read_text(errors="replace") for one in files if one.is_file()]
    assert len(files) > 3
    assert [text for text in told for secret in (AUTH.partition(":")[2], PASSWORD) if secret in text] == []
    worker = psutil.Process(by_url.part("worker")).environ()
    assert PASSWORD not in worker.values()


@pytest.mark.parametrize("server", ["prefect", "postgres"])
def test_a_frozen_server_is_waited_for_and_left_alone(by_url: StackUnderTest, outside: Outside, server: str) -> None:
    """It is told as away, with where it is; nobody restarts it; when it goes on everything does."""
    before = {name: psutil.Process(pid).create_time() for name, pid in outside.pids.items()}
    with frozen(outside.pids[server]):
        until(lambda: f"{server:<12} away" in by_url.said(), told=by_url.said)
        status = by_url.selfheal("status", "-o", "json")
        assert status.code == 1
        (row,) = [one for one in json.loads(status.out)["servers"] if one["server"] == server]
        assert (row["state"], outside.urls[server] in row["detail"]) == ("away", True)
        assert psutil.Process(outside.pids[server]).status() == psutil.STATUS_STOPPED
    until(lambda: by_url.ready() and by_url.healthy(), told=by_url.said)
    assert {name: psutil.Process(pid).create_time() for name, pid in outside.pids.items()} == before


def test_afterwards_everything_goes_and_nothing_of_theirs_was_touched(by_url: StackUnderTest, outside: Outside) -> None:
    """The other team's objects are as they were while Selfheal runs; one command takes Selfheal away again."""
    now = dump(outside.api)
    assert ARTIFACT in {one["key"] for one in now["artifacts"].values()}
    assert {kind: {**now[kind], **outside.before[kind]} for kind in now} == now
    refused = by_url.selfheal("deployments", "remove")
    assert (refused.code, "a worker is online" in refused.err) == (1, True), refused.err
    by_url.up.terminate()
    by_url.up.wait(timeout=60)
    removed = by_url.selfheal("deployments", "remove", "--config", str(by_url.config), "--history", "--force")
    assert removed.code == 0, removed.err
    assert dump(outside.api) == outside.before
    assert all(psutil.pid_exists(pid) for pid in outside.pids.values())

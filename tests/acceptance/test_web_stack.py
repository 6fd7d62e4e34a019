"""The web server as a part of a running stack: found, healthy, unprivileged, reloaded, and a heal begun through it."""

import json
import os
import pwd
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from stack_fixture import StackUnderTest, until
from stack_records import attempts, forget_attempts

from deployments import attach

pytestmark = pytest.mark.timeout(400)


@pytest.fixture
def operator(stack: StackUnderTest) -> Iterator[httpx.Client]:
    """Somebody with a token of the stack's."""
    until(stack.ready, seconds=180, told=stack.said)
    issued = stack.asked("token", "issue", "web-operator", "--role", "operator", "-o", "json")
    assert issued.code == 0, issued.err
    headers = {"authorization": f"Bearer {json.loads(issued.out)['secret']}"}
    with httpx.Client(base_url=address(stack), headers=headers, trust_env=False, timeout=30) as client:
        yield client


def address(stack: StackUnderTest) -> str:
    running = attach.running(stack.data)
    assert running is not None
    return running.urls["web"]


def ask(client: httpx.Client, query: str) -> dict[str, object]:
    answer = client.post("/graphql", json={"query": query})
    assert answer.is_success, answer.text
    found: dict[str, object] = answer.json()
    assert "errors" not in found, found
    return found


def test_people_find_it(stack: StackUnderTest) -> None:
    """Its address stands in what `up` says and in `status`; `doctor` has looked at it."""
    assert f"dashboard      {address(stack)}" in stack.said()
    assert f"dashboard\t{address(stack)}" in stack.selfheal("status").out
    assert f"web server\tok\t{address(stack)} answers" in stack.selfheal("doctor").out


def test_it_knows_no_more_than_it_needs(stack: StackUnderTest) -> None:
    """It runs as the unprivileged user where the servers do; neither its environment nor its settings hold a secret."""
    process = psutil.Process(stack.part("web"))
    if os.geteuid() == 0:
        assert process.username() == "nobody"
        assert Path(f"/proc/{process.pid}/status").read_text().count("NoNewPrivs:\t1") == 1
    servers = attach.servers(stack.data)
    told = " ".join([*process.environ().values(), (stack.data / "web" / "settings.toml").read_text()])
    assert servers.passwords.api in told
    for secret in (servers.passwords.healer, servers.passwords.migrator, stack.estate.password):
        assert secret not in told
    owner = pwd.getpwuid((stack.data / "web" / "settings.toml").stat().st_uid).pw_name
    assert owner == process.username()


def test_it_comes_back(stack: StackUnderTest, operator: httpx.Client) -> None:
    """Killed or frozen it is started again; tokens and logins outlive that."""
    before = stack.part("web")
    os.kill(before, signal.SIGKILL)
    until(lambda: stack.part("web") not in {0, before} and stack.ready(), seconds=120, told=stack.said)
    assert ask(operator, "{ me { name } }") == {"data": {"me": {"name": "web-operator"}}}


@pytest.mark.usefixtures("campaign")
def test_a_reload_reaches_it(stack: StackUnderTest, operator: httpx.Client) -> None:
    """Settings that were accepted count in the web server too, without a restart of it."""
    right, before = stack.config.read_text(), stack.part("web")
    schema = {"query": "{ __schema { queryType { name } } }"}
    try:
        assert operator.post("/graphql", json=schema).status_code == httpx.codes.BAD_REQUEST
        stack.config.write_text(right.replace("[web]\n", "[web]\nintrospection = true\n"))
        assert stack.selfheal("reload").code == 0
        until(lambda: operator.post("/graphql", json=schema).is_success, seconds=30)
        assert stack.part("web") == before
    finally:
        stack.config.write_text(right)
        assert stack.selfheal("reload").code == 0


def test_a_heal_is_begun_through_it(stack: StackUnderTest, operator: httpx.Client) -> None:
    """A mutation starts a Prefect run as the person who asked; the attempt is then read from the same place."""
    until(stack.healthy, seconds=180)
    forget_attempts(stack, "orchestrator")
    known = len(attempts(stack, "orchestrator"))
    found = ask(operator, 'mutation { heal(component: "orchestrator", why: "by the API") { flowRun link triggerId } }')
    assert "/runs/flow-run/" in str(found)
    state = "{ attempts: healingActions(limit: 5) { targetComponent status } }"
    until(lambda: "AlreadyHealthy" in _state(stack, found) or len(attempts(stack, "orchestrator")) > known, seconds=120)
    assert isinstance(ask(operator, state)["data"], dict)
    assert stack.asked("history").code == 0


def _state(stack: StackUnderTest, found: dict[str, object]) -> str:
    """The name of the run's state."""
    run = json.loads(json.dumps(found))["data"]["heal"]["flowRun"]
    running = attach.running(stack.data)
    assert running is not None
    answer = httpx.get(f"{running.urls['prefect']}/api/flow_runs/{run}", trust_env=False, timeout=30)
    return str((answer.json().get("state") or {}).get("name"))

"""A user's own three containers, from nothing: `selfheal discover`, two edits, `selfheal up`, and then things break.

Commands are typed as a person types them. How often a container was started is counted by the container itself.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from docker_fixtures import Dockerd, TestEngine
from stack_fixture import COMMAND_SECONDS, RunningStack, environment, until, up_running

pytestmark = [pytest.mark.timeout(400), pytest.mark.usefixtures("campaign")]  # test_containers.py has the actions

OK, EAT = "/tmp/ok", "/tmp/eat"  # noqa: S108  in the containers
SERVICE = "com.docker.compose.service"
QUICK = {
    "SELFHEAL_PREFECT__PORT": "0",
    "SELFHEAL_WEB__PORT": "0",
    "SELFHEAL_DOCKER__TIMEOUT": "1 s",
    "SELFHEAL_WATCHING__SWEEP": "1 s",
}
"""Variables instead of edits: other ports than a neighbour's, and less waiting."""


@dataclass(frozen=True, kw_only=True)
class Own:
    """The user's machine.

    Attributes:
        engine: with the containers `web`, `app` and `db`.
        stack: what watches them.
    """

    engine: TestEngine
    stack: RunningStack

    def told(self, *words: str) -> Any:
        """The JSON of a command."""
        return json.loads(self.stack.asked(*words, "-o", "json").out)

    def attempts(self, component: str) -> list[tuple[str, str]]:
        found = self.told("history", "--component", component)["attempts"]
        return [(one["outcome"], one["verification"]) for one in found]

    def refused(self, component: str) -> dict[str, str]:
        """Reasons by the refusal's name."""
        found = self.told("status")["last_refusals"]
        return {one["decision"]: one["reason"] for one in found if one["component"] == component}

    def health(self, component: str) -> str:
        return next(one["status"] for one in self.told("status")["components"] if one["component"] == component)

    def starts(self, container: str) -> int:
        """How often it began, as it wrote itself."""
        return self.engine.client.containers.get(container).logs().splitlines().count(b"begun")

    def healed(self, **times: int) -> None:
        """Wait until each has had so many attempts; all were successes, and it is healthy, not only running."""
        for component, count in times.items():
            wanted = [("SUCCESS", "HEALED")] * count
            until(lambda c=component, w=wanted: self.attempts(c) == w, told=lambda: self.stack.selfheal("history").out)
            assert self.engine.state(component)["Health"]["Status"] == "healthy"


@pytest.fixture(scope="module")
def own(session_engine: TestEngine) -> Iterator[Own]:
    """Discover into a file, edit it twice as text, start it all in an empty data folder."""
    labels = {"com.docker.compose.project": "own"}
    needs = {"com.docker.compose.depends_on": "db:service_healthy:false"}
    session_engine.run("web", checked=True, labels=labels | {SERVICE: "web"} | needs)
    session_engine.run("app", checked=True)
    session_engine.run("db", checked=True, mem_limit="16m", memswap_limit="16m", labels=labels | {SERVICE: "db"})
    until(lambda: all(session_engine.state(name)["Health"]["Status"] == "healthy" for name in ("web", "app", "db")))
    with tempfile.TemporaryDirectory(prefix="selfheal-own-") as name:
        data = Path(name)
        data.chmod(0o711)
        config = data / "selfheal.toml"
        typed(data, "discover", "--docker", session_engine.url, "--output", str(config))
        written = config.read_text()
        config.write_text(
            written.replace("\nallow = []", '\nallow = ["web", "app", "db"]').replace("\n# ladder", "\nladder")
        )
        assert "warning" not in typed(data, "config", "check", str(config), "--live")
        with up_running(data, config, **QUICK) as stack:
            yield Own(engine=session_engine, stack=stack)
    session_engine.remove_all()


def typed(data: Path, *words: str) -> str:
    """What a command prints that goes well."""
    command = [sys.executable, "-m", "console.cli", *words]
    done = subprocess.run(
        command, env=environment(data), cwd=data, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_breaks_is_healed_once_or_left_for_a_reason(own: Own, own_dockerd: Dockerd) -> None:
    """Killed, hung, out of memory, paused, removed, and two deaths that dockerd could not tell of, one night long."""
    _three_at_once(own)
    _paused_and_removed(own)
    _dead_while_dockerd_is_frozen(own, own_dockerd)
    _dead_while_dockerd_is_dead(own, own_dockerd)
    _once_too_often(own)
    assert (own.starts("web"), own.starts("app"), own.starts("db")) == (3, 2, 3), "one start for each heal"
    assert {own.engine.inspect(name)["RestartCount"] for name in ("app", "db")} == {0}, "Docker itself started none"


def test_status_tells_what_belongs_together(own: Own) -> None:
    """Group and dependencies, which Docker Compose's labels told `discover`."""
    shown = {one["component"]: (one["group"], one["depends_on"]) for one in own.told("status")["components"]}
    assert shown == {"web": ("own", "db"), "db": ("own", ""), "app": ("", "")}


def _three_at_once(own: Own) -> None:
    own.engine.kill("web")
    own.engine.inside("app", "rm", OK)
    own.engine.inside("db", "touch", EAT)
    own.healed(web=1, app=1, db=1)
    assert (own.starts("web"), own.starts("app"), own.starts("db")) == (2, 2, 2)


def _paused_and_removed(own: Own) -> None:
    """The removed one is refused and comes back with its name; the paused one is restarted meanwhile."""
    own.engine.client.containers.get("db").pause()
    own.engine.remove("app")
    until(lambda: "NO_ACTION" in own.refused("app"))
    assert "its container is gone" in own.refused("app")["NO_ACTION"]
    until(lambda: own.health("app") == "DOWN")
    own.engine.run("app", checked=True)
    own.healed(db=2)
    until(lambda: own.health("app") == "OPERATIONAL" and own.told("status")["open_faults"] == [])
    assert own.starts("app") == 1


def _dead_while_dockerd_is_frozen(own: Own, dockerd: Dockerd) -> None:
    pid = own.engine.pid("web")
    dockerd.freeze()
    os.kill(pid, signal.SIGKILL)
    until(lambda: own.health("web") == own.health("app") == "UNKNOWN")
    assert len(own.attempts("web")) == 1
    dockerd.thaw()
    own.healed(web=2)


def _dead_while_dockerd_is_dead(own: Own, dockerd: Dockerd) -> None:
    pid = own.engine.pid("app")
    dockerd.kill()
    os.kill(pid, signal.SIGKILL)
    dockerd.start()
    own.healed(app=2)


def _once_too_often(own: Own) -> None:
    """It was healed twice within ten minutes: a third time is refused, and says until when."""
    own.engine.kill("web")
    until(lambda: "COOLDOWN" in own.refused("web"))
    assert "healed twice in a short time; cooling down until" in own.refused("web")["COOLDOWN"]
    assert len(own.attempts("web")) == 2

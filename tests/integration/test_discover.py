"""`selfheal discover` and doctor's look at Docker, on a real engine and a real supervisord."""

import json
import os
import socket
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docker_fixtures import Dockerd, TestEngine
from estate_fixtures import until

from console import cli, discover_sources
from deployments.demo.estate import Estate
from selfheal.settings.estate import Settings
from selfheal.settings.file import parse

SHOP = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
NEEDS = "com.docker.compose.depends_on"


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A folder of the user's, on a machine where nothing is found in the usual places."""
    for name in ("SELFHEAL_CONFIG", "SELFHEAL_DATABASE_URL", "DOCKER_HOST", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SELFHEAL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("SELFHEAL_DOCKER__TIMEOUT", "1 s")
    monkeypatch.setattr(discover_sources, "USUAL_DOCKER", str(tmp_path / "no-docker.sock"))
    monkeypatch.setattr(discover_sources, "CONFIGURATIONS", ())
    monkeypatch.setattr(discover_sources, "SOCKETS", ())
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.chdir(home)
    return


@pytest.fixture
def shop(docker_engine: TestEngine) -> TestEngine:
    """Two services of Docker Compose, one of them in capitals, and what is no service."""
    docker_engine.run("selfheal-test-db", checked=True, labels={SHOP: "shop", SERVICE: "db"})
    labels = {SHOP: "shop", SERVICE: "web", NEEDS: "db:service_healthy:false,cache:service_started:true"}
    docker_engine.run("Selfheal-Test-Web", labels=labels, restart_policy={"Name": "always"})
    docker_engine.run("selfheal-test-ours", script='sh -c "while sleep 0.2; do true; done" selfheal')
    docker_engine.run("selfheal-test-tmp", auto_remove=True)
    docker_engine.run("selfheal-test-done", script="exit 3")
    until("it has ended", lambda: docker_engine.state("selfheal-test-done")["Status"] == "exited")
    return docker_engine


def read(file: str = "selfheal.toml") -> Settings:
    return parse(tomllib.loads(Path(file).read_text()), source=file)


def checked(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    """The settings that `config check` warns of."""
    capsys.readouterr()
    assert cli.main(["config", "check", "selfheal.toml", *words, "-o", "json"]) == 0
    return [one["setting"] for one in json.loads(capsys.readouterr().out)["findings"]]


def test_what_runs_is_written_and_passes_the_check(
    shop: TestEngine, estate: Estate, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Containers and programs become components; the file is its owner's, right, and knows only what is there."""
    monkeypatch.setattr(discover_sources, "CONFIGURATIONS", (str(estate.folder / "supervisord.conf"),))
    assert cli.main(["discover", "--docker", shop.url, "--output", "selfheal.toml"]) == 0
    settings, text = read(), Path("selfheal.toml").read_text()
    web, db = settings.components["selfheal-test-web"], settings.components["selfheal-test-db"]
    assert (web.container, web.group, web.depends_on) == ("Selfheal-Test-Web", "shop", {"selfheal-test-db"})
    assert (db.probe, db.group, db.ladder) == ("container", "shop", ())
    assert settings.components["backend"].program == "backend"
    assert settings.supervisors["main"].password.get_secret_value() == estate.password
    left_out = text.partition("# Left out:")[2]
    assert "selfheal-test-tmp" in left_out
    assert "container selfheal-test-ours: Selfheal itself runs in it" in left_out
    assert "exit code 3" in left_out
    assert Path("selfheal.toml").stat().st_mode & 0o777 == 0o600
    assert estate.password not in "".join(capsys.readouterr())
    assert checked(capsys, "--live") == ["healing.allow"]


def test_without_a_file_it_is_printed(
    shop: TestEngine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the settings go to stdout; the engine is that of DOCKER_HOST, as for Docker's own commands."""
    monkeypatch.setenv("DOCKER_HOST", shop.url)
    assert cli.main(["discover"]) == 0
    settings = parse(tomllib.loads(capsys.readouterr().out), source="stdout")
    assert settings.docker.url == shop.url
    assert {"selfheal-test-db", "selfheal-test-web"} <= settings.components.keys()
    assert list(Path.cwd().iterdir()) == []


def test_a_file_is_never_replaced_unasked(shop: TestEngine, capsys: pytest.CaptureFixture[str]) -> None:
    """Not without --force, and with it whole or not at all; what is no file is told."""
    words = ["discover", "--docker", shop.url, "--output", "selfheal.toml"]
    Path("selfheal.toml").write_text("# mine\n")
    assert cli.main(words) == 2
    assert "--force" in capsys.readouterr().err
    assert Path("selfheal.toml").read_text() == "# mine\n"
    assert cli.main([*words, "--force"]) == 0
    assert read().components
    assert cli.main(["discover", "--docker", shop.url, "--output", "none/selfheal.toml"]) == 2
    assert cli.main(["discover", "--docker", shop.url, "--output", "."]) == 2
    assert os.listdir() == ["selfheal.toml"]  # noqa: PTH208 - the names


def test_a_missing_container_is_found_live(shop: TestEngine, capsys: pytest.CaptureFixture[str]) -> None:
    """What the file names and the engine does not know is a warning of --live, and a problem for doctor."""
    assert cli.main(["discover", "--docker", shop.url, "--output", "selfheal.toml"]) == 0
    assert doctor(capsys)["result"] == "ok"
    shop.remove("selfheal-test-db")
    assert checked(capsys) == ["healing.allow"]
    assert checked(capsys, "--live") == ["healing.allow", "docker"]
    found = doctor(capsys)
    assert found["result"] == "problem"
    assert "there is no container selfheal-test-db" in found["found"]


def test_without_a_health_check_healed_only_means_running(shop: TestEngine, capsys: pytest.CaptureFixture[str]) -> None:
    """An operator who lets such a container be healed is told by --live."""
    assert cli.main(["discover", "--docker", shop.url, "--output", "selfheal.toml"]) == 0
    written = Path("selfheal.toml").read_text().replace("\n# ladder", "\nladder")
    both = 'allow = ["selfheal-test-db", "selfheal-test-web"]'
    Path("selfheal.toml").write_text(written.replace("\nallow = []", f"\n{both}"))
    assert checked(capsys) == []
    assert checked(capsys, "--live") == ["docker"]


def test_a_frozen_engine_stops_neither_the_others_nor_doctor(
    shop: TestEngine,
    own_dockerd: Dockerd,
    estate: Estate,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What still answers is written, and the file says who did not."""
    monkeypatch.setattr(discover_sources, "CONFIGURATIONS", (str(estate.folder / "supervisord.conf"),))
    own_dockerd.freeze()
    assert cli.main(["discover", "--docker", shop.url, "--output", "selfheal.toml"]) == 0
    assert "backend" in read().components
    assert "did not answer a list" in Path("selfheal.toml").read_text().partition("# Could not be asked:")[2]
    Path("selfheal.toml").write_text(
        f'[docker]\nurl = "{shop.url}"\n[components.a]\nprobe="container"\ncontainer="a"\n'
    )
    assert "did not answer" in doctor(capsys)["found"]


def test_nothing_found_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1, who was asked in vain, and no file."""
    assert cli.main(["discover", "--output", "selfheal.toml", "--supervisor", "http://127.0.0.1:1"]) == 1
    said = capsys.readouterr().err
    assert "no Docker engine answers" in said
    assert "no supervisor listens" in said
    assert "what to do: start Docker or supervisord" in said
    assert list(Path.cwd().iterdir()) == []


def test_what_is_no_docker_engine_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Something else that listens there is told apart from an engine that is away."""
    path = str(tmp_path / "other.sock")
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(path)
        other.listen()
        thread = threading.Thread(target=_says_hello, args=[other], daemon=True)
        thread.start()
        assert cli.main(["discover", "--docker", f"unix://{path}"]) == 1
        thread.join()
    assert "does not answer as a Docker engine does" in capsys.readouterr().err
    assert cli.main(["discover", "--docker", "ssh://host"]) == 1
    assert "only unix:///PATH and tcp://HOST:PORT" in capsys.readouterr().err


def test_doctor_without_containers(capsys: pytest.CaptureFixture[str], shop: TestEngine) -> None:
    """Without an engine that is no problem; without settings it says what `discover` could ask."""
    assert doctor(capsys)["found"].startswith("none to discover containers of")
    os.environ["SELFHEAL_DOCKER__URL"] = shop.url
    try:
        found = doctor(capsys)
    finally:
        del os.environ["SELFHEAL_DOCKER__URL"]
    assert (found["result"], "`selfheal discover` can ask it" in found["found"]) == ("ok", True)


def _says_hello(server: socket.socket) -> None:
    """To whatever it is asked."""
    wire, _ = server.accept()
    with wire:
        if wire.recv(10_000):
            wire.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nhello")


def doctor(capsys: pytest.CaptureFixture[str]) -> Any:
    """What doctor says of Docker."""
    from console import place  # noqa: PLC0415 - its memory of settings files, which these tests write anew

    place._load.cache_clear()
    capsys.readouterr()
    cli.main(["doctor", "-o", "json"])
    return next(one for one in json.loads(capsys.readouterr().out)["checks"] if one["check"] == "docker")

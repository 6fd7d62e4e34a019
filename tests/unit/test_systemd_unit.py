"""The systemd unit: what `systemd-analyze` says of it, and what it must agree upon with the code."""

import shutil
import subprocess
from pathlib import Path

import pytest

from console import cli, systemd_unit

ANALYZE = shutil.which("systemd-analyze")


@pytest.fixture
def unit(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> str:
    """The unit of an estate with a container."""
    monkeypatch.delenv("SELFHEAL_CONFIG", raising=False)
    config = tmp_path / "selfheal.toml"
    config.write_text('[components.agents]\nprobe = "container"\ncontainer = "agents-1"\n')
    assert cli.main(["systemd-unit", "--data", "/var/lib/selfheal", "--config", str(config)]) == 0
    return capsys.readouterr().out


@pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed here")
def test_systemd_finds_nothing_wrong_with_it(unit: str, tmp_path: Path) -> None:
    """`systemd-analyze verify` ends with 0 and has nothing to say; of an unknown setting it would."""
    for text, fine in ((unit, True), (unit.replace("KillMode=mixed", "KillMode=mixt"), False)):
        file = tmp_path / "selfheal.service"
        file.write_text(text)
        done = subprocess.run(
            [str(ANALYZE), "verify", str(file)], capture_output=True, text=True, check=False, timeout=60
        )
        assert ((done.returncode, done.stderr) == (0, "")) is fine, done.stderr


def test_it_agrees_with_the_code(unit: str) -> None:
    """Paths are absolute, Docker's group is asked for, and a stop has the time that the parts may take."""
    lines = dict(line.split("=", 1) for line in unit.splitlines() if "=" in line and not line.startswith("#"))
    assert lines["ExecStart"].startswith("/")
    assert " up --data /var/lib/selfheal --config /" in lines["ExecStart"]
    assert " reload --data /var/lib/selfheal --config /" in lines["ExecReload"]
    assert (lines["SupplementaryGroups"], lines["StateDirectory"]) == ("docker", "selfheal")
    assert int(lines["TimeoutStopSec"]) == systemd_unit.STOP_SECONDS > 15 + 10 + 20 + 10


@pytest.mark.parametrize("data", ["/var/lib/self heal", "/var/lib/%h"])
def test_a_path_that_a_unit_cannot_name_is_refused(data: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Blanks and percent signs mean something else in a unit: exit code 2, and nothing is printed."""
    assert cli.main(["systemd-unit", "--data", data]) == 2
    said = capsys.readouterr()
    assert (said.out, "blanks" in said.err) == ("", True)

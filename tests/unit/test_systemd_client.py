"""What is asked of `systemctl`, and what becomes of its answers; a script stands in for it: no systemd runs here."""

from datetime import timedelta
from pathlib import Path

import pytest

from selfheal.clients import systemd
from selfheal.discovery.found import FoundUnit
from selfheal.model.errors import Transient

ANSWER = '[{"unit":"cron.service","load":"loaded","active":"active","sub":"running","description":"Regular jobs"}]'


def systemctl(monkeypatch: pytest.MonkeyPatch, folder: Path, *lines: str) -> None:
    """A script of that name that comes first."""
    script = folder / "systemctl"
    script.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_running_services_are_asked_for_as_json(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Only services, only those that run, never through a pager."""
    systemctl(monkeypatch, tmp_path, f'echo "$@" >{tmp_path}/asked', f"echo '{ANSWER}'")
    assert systemd.running_units() == [FoundUnit(name="cron.service", description="Regular jobs")]
    asked = (tmp_path / "asked").read_text().split()
    assert asked == ["list-units", "--type=service", "--state=running", "--no-pager", "--output=json"]


@pytest.mark.parametrize(
    ("line", "told"),
    [("echo 'Failed to connect to bus' >&2; exit 1", "Failed to connect to bus"), ("exec sleep 60", "TimeoutExpired")],
    ids=["refuses", "hangs"],
)
def test_a_systemd_that_does_not_tell_is_bounded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, line: str, told: str
) -> None:
    """What it says is told; what takes too long is given up."""
    systemctl(monkeypatch, tmp_path, line)
    with pytest.raises(Transient, match=told):
        systemd.running_units(timeout=timedelta(milliseconds=300))

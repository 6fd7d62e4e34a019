"""`selfheal intake test`: what a body would be read as, from a file or the standard input."""

import io
import json
import sys
from pathlib import Path

import pytest

from console import cli

SETTINGS = (
    '[components.app]\nprobe = "http"\nurl = "http://127.0.0.1:1/"\n[intake.webhooks.kuma]\ncomponent = "/name"\n'
)
BODY = b'{"name": "app"}'


@pytest.fixture
def config(tmp_path: Path) -> str:
    (tmp_path / "selfheal.toml").write_text(SETTINGS)
    return str(tmp_path / "selfheal.toml")


@pytest.mark.parametrize("source", ["-", "a file"])
def test_a_body_is_read_from_a_file_or_the_standard_input(
    config: str, source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A lone hyphen is no option."""
    (tmp_path / "a file").write_bytes(BODY)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(BODY)))
    file = source if source == "-" else str(tmp_path / source)
    assert cli.main(["intake", "test", "kuma", file, "--config", config, "-o", "json"]) == 0
    assert [one["component"] for one in json.loads(capsys.readouterr().out)["alerts"]] == ["app"]


def test_an_option_that_does_not_exist_is_no_file(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It is told as anywhere else."""
    assert cli.main(["intake", "test", "kuma", "--dry-run", "--config", config]) == 2
    assert "Unknown option: --dry-run" in capsys.readouterr().err

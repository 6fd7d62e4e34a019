"""The shipped examples are right: what a reader copies from them works."""

from pathlib import Path

import pytest

from deployments.accepted import check
from selfheal.settings.advice import advice
from selfheal.settings.file import load

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.name)
def test_an_example_can_be_used_as_it_is(file: Path) -> None:
    """It is read, wired with every action that its ladders name, and `config check` has nothing to say against it."""
    settings = load(file, {})
    check(settings)
    assert [one.said for one in advice(settings)] == []


def test_the_agent_platform_is_described_whole() -> None:
    """Its six containers, two host processes, databases and a catalogue entry are there; no password is."""
    file = EXAMPLES / "agog.toml"
    settings = load(file, {})
    assert {one.container.removeprefix("agogsaas-") for one in settings.components.values() if one.container} == {
        "agents-nats",
        "agents-postgres",
        "agents-backend",
        "app-postgres",
        "app-backend",
        "app-frontend",
    }
    assert {one.program for one in settings.components.values() if one.program} == {
        "strategic-orchestrator",
        "host-listener",
    }
    assert set(settings.databases) == {"agents", "app"}
    assert settings.migrations["stock-levels"].creates == settings.components["stock-levels"].object
    assert set(settings.log_monitor.sources) == {"agents-backend", "app-backend", "strategic-orchestrator"}
    assert set(settings.alerts.channels) == {"mail"}
    assert settings.intake.senders == {"alertmanager"}
    words = file.read_text(encoding="utf-8")
    assert not [word for word in ("password =", "routing_key =", "secret =", "token =") if word in words]


def test_the_eight_log_patterns_are_described_as_they_can_be_used(tmp_path: Path) -> None:
    """The parts of the worked example are one file, with which everything is right."""
    page = (EXAMPLES.parent / "docs" / "actions.md").read_text(encoding="utf-8")
    example = page.partition("## The eight log patterns")[2]
    file = tmp_path / "selfheal.toml"
    file.write_text("\n".join(line[4:] for line in example.splitlines() if line.startswith("    ") or not line))
    settings = load(file, {})
    check(settings)
    assert [one.said for one in advice(settings)] == []
    assert len(settings.log_monitor.sources["backend"].suspects) == 6

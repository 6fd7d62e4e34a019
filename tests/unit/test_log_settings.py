"""What may be set of logs, and how what may not be is refused."""

from typing import Any

import pytest

from selfheal.model.errors import Permanent
from selfheal.model.log import LogSeverity
from selfheal.settings.estate import Settings
from selfheal.settings.file import parse

COMPONENTS = {
    "backend": {"probe": "http", "url": "http://127.0.0.1:4000/health", "supervisor": "s", "program": "backend"},
    "broker": {"probe": "nats", "url": "nats://127.0.0.1:4222"},
    "web": {"probe": "container", "container": "agogsaas-app-frontend"},
}
SOURCE = {"component": "backend", "file": "/var/log/backend.log"}


def settings(**log_monitor: Any) -> Settings:
    supervisors = {"s": {"url": "unix:///run/s.sock"}}
    return parse({"supervisors": supervisors, "components": COMPONENTS, "log_monitor": log_monitor}, source="the test")


def test_the_eight_patterns_are_there_from_the_start() -> None:
    """The most specific first, as the reference estate has them."""
    rules = settings().log_monitor.rules()
    assert [one.name for one in rules.patterns] == [
        "heap", "database-refused", "nats-refused", "request-file-missing", "module-missing", "spawn-enoent",
        "uncaught", "fatal",
    ]  # fmt: skip
    assert [one.threshold for one in rules.patterns] == [1, 3, 3, 5, 5, 3, 10, 1]


def test_one_of_the_eight_may_be_changed_and_ones_own_added() -> None:
    """What is unset stays; a pattern of one's own is the most specific unless it says before which it stands."""
    patterns = {
        "fatal": {"threshold": 4},
        "uncaught": {"off": True},
        "declined": {"patterns": ["payment .* declined"], "severity": "WARNING", "threshold": 2, "tells": True},
        "disk": {"patterns": ["no space left"], "before": "fatal"},
    }
    rules = settings(patterns=patterns).log_monitor.rules()
    names = [one.name for one in rules.patterns]
    assert names[0] == "declined"
    assert names[-2:] == ["disk", "fatal"]
    assert "uncaught" not in names
    assert (rules.patterns[-1].threshold, rules.patterns[-1].severity) == (4, LogSeverity.CRITICAL)
    assert (rules.patterns[0].threshold, rules.patterns[0].tells) == (2, True)


def test_a_log_is_a_file_or_that_of_a_container() -> None:
    """Without a file it is the log of the component's container."""
    found = settings(sources={"web": {"component": "web"}, "app": SOURCE | {"suspects": {"nats-refused": "broker"}}})
    web, app = found.log_monitor.followed(found.components)
    assert (web.container, web.file) == ("agogsaas-app-frontend", "")
    assert (app.file, app.suspect("nats-refused"), app.suspect("fatal")) == (
        "/var/log/backend.log",
        "broker",
        "backend",
    )


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"sources": {"app": SOURCE | {"component": "bakend"}}}, "sources.app.component: no component .* 'backend'"),
        ({"sources": {"app": SOURCE | {"suspects": {"fatal": "brokr"}}}}, "suspects.fatal: no component .* 'broker'"),
        ({"sources": {"app": SOURCE | {"suspects": {"fatl": "broker"}}}}, "suspects: no pattern .* 'fatal'"),
        ({"sources": {"app": {"component": "broker"}}}, "sources.app.file: is needed"),
        ({"sources": {"app": SOURCE | {"file": "app.log"}}}, "sources.app.file"),
        ({"sources": {"app": SOURCE | {"flie": "/x"}}}, "sources.app.flie: unknown setting; did you mean 'file'"),
        ({"patterns": {"heep": {"threshold": 2}}}, "patterns.heep: is none of the eight.*'heap'"),
        ({"patterns": {"own": {"patterns": ["fine", "a(b"]}}}, r"patterns.own.patterns.1: is no pattern: missing \)"),
        ({"patterns": {"own": {"patterns": ["a*"]}}}, "patterns.own.patterns.0: fits an empty line"),
        ({"patterns": {"own": {"patterns": ["a"], "before": "fatl"}}}, "own.before: no other pattern .*'fatal'"),
        ({"window": "1 s"}, "log_monitor.window"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(values: dict[str, Any], told: str) -> None:
    """Names that do not exist with the nearest one, patterns with what is wrong in them."""
    with pytest.raises(Permanent, match=told):
        settings(**values)


def test_patterns_that_are_too_much_together_are_refused() -> None:
    """Each by itself is well; log-monitor would not begin with all of them."""
    many = [rf"(\w{{30}}){{30}}{number}" for number in range(400)]
    assert settings(patterns={"own": {"patterns": many[:2]}}).log_monitor.rules()
    with pytest.raises(Permanent, match=r"log_monitor\.patterns.*together.*too large"):
        settings(patterns={"own": {"patterns": many}})

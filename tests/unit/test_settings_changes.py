"""What an edit of the settings changes, in words."""

from typing import Any

from selfheal.settings.changes import Change, differences
from selfheal.settings.file import parse

SUPERVISOR = {"url": "http://127.0.0.1:9001", "password": "geheim-4711"}
BACKEND = {"probe": "http", "url": "http://127.0.0.1:8000/health"}


def changes(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Change]:
    found = differences(parse(old, source="old"), parse(new, source="new"))
    return {f"{one.setting} {one.change}": one for one in found}


def test_the_same_settings_do_not_differ() -> None:
    """Also when what is a default in one file is written out in the other."""
    assert changes({}, {"watching": {"strikes": 3}, "healing": {"allow": []}}) == {}


def test_the_allow_list_is_told_name_by_name() -> None:
    """What may now be healed and what no longer is are changes of their own, before all others."""
    one, other = {"a": BACKEND, "b": BACKEND | {"url": "http://x/"}}, {"healing": {"allow": ["a"]}}
    found = changes({"components": one} | other, {"components": one, "healing": {"allow": ["b"], "at_once": 2}})
    assert list(found) == [
        "healing.allow may now be healed",
        "healing.allow no longer healed",
        "healing.at_once changed",
    ]
    assert found["healing.allow may now be healed"].now == "b"
    assert found["healing.allow no longer healed"].was == "a"


def test_components_come_and_go_and_change() -> None:
    """A component that is new or gone is one change; in a changed one each setting is one, in its own unit."""
    old = {"components": {"gone": BACKEND, "kept": BACKEND | {"url": "http://x/"}}}
    new = {"components": {"new": BACKEND, "kept": BACKEND | {"url": "http://y/", "healthy_delay": "7 s"}}}
    found = changes(old, new)
    assert set(found) == {
        "components.gone removed",
        "components.new added",
        "components.kept.url changed",
        "components.kept.healthy_delay changed",
    }
    delay = found["components.kept.healthy_delay changed"]
    assert (delay.was, delay.now, delay.needs_restart) == ("5 s", "7 s", False)


def test_a_secret_is_told_as_changed_and_never_shown() -> None:
    """A changed password is a change without its values."""
    old, new = ({"supervisors": {"main": SUPERVISOR | {"password": one}}} for one in ("geheim-4711", "geheim-4712"))
    (only,) = changes(old, new).values()
    assert (only.setting, only.was, only.now) == ("supervisors.main.password", "", "")


def test_what_the_running_servers_were_started_with_needs_a_restart() -> None:
    """Ports and the servers' user are named as such; everything else is not."""
    found = changes({}, {"prefect": {"port": 4999}, "run_as": "daemon", "watching": {"strikes": 2}})
    assert {one.setting for one in found.values() if one.needs_restart} == {"prefect.port", "run_as"}

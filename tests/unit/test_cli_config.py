"""`selfheal config`: what it finds wrong, what it warns of, what is in force; without any server."""

import json
from pathlib import Path
from typing import Any

import pytest

from console import cli

SECRET = "geheim-4711"
SUPERVISOR = f'[supervisors.main]\nurl = "http://127.0.0.1:1"\nusername = "ops"\npassword = "{SECRET}"\n'
PROCESS = '[components.{name}]\nprobe = "process"\nsupervisor = "main"\nprogram = "{program}"\n'
CONTAINER = '[components.{name}]\nprobe = "container"\ncontainer = "{name}"\n'


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings and no stack of this machine are seen."""
    for name in ("SELFHEAL_DATA", "SELFHEAL_CONFIG", "SELFHEAL_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SELFHEAL_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)


def settings(text: str, *, mode: int = 0o600) -> str:
    file = Path("selfheal.toml")
    file.write_text(text)
    file.chmod(mode)
    return str(file)


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any, str]:
    """Exit code, the JSON, and all that was printed."""
    code = cli.main([*words, "-o", "json"])
    said = capsys.readouterr()
    return code, json.loads(said.out) if said.out else None, said.out + said.err


def findings(capsys: pytest.CaptureFixture[str], text: str, *, mode: int = 0o600, live: bool = False) -> dict[str, str]:
    """What right settings are warned of, by the setting."""
    words = ["config", "check", settings(text, mode=mode), *(["--live"] if live else [])]
    code, answer, _ = run(capsys, *words)
    assert code == 0
    assert {one["level"] for one in answer["findings"]} <= {"warning"}
    assert all(one["what_to_do"] for one in answer["findings"])
    return {one["setting"]: one["found"] for one in answer["findings"]}


def test_every_wrong_setting_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """Each with its place and the nearest right name, with exit code 2; never a password."""
    file = settings(f'[healing]\nleese = 3\n[supervisors.main]\nurl = 3\npasword = "{SECRET}"\n')
    code, answer, said = run(capsys, "config", "check", file)
    assert code == 2
    assert {one["setting"] for one in answer["findings"]} >= {"healing.leese", "supervisors.main.pasword"}
    assert {one["level"] for one in answer["findings"]} == {"wrong"}
    assert "did you mean 'lease'?" in said
    assert SECRET not in said


@pytest.mark.parametrize("text", ["[healing", "\x00", "a = 1\na = 2"], ids=["cut off", "nul", "twice"])
def test_a_file_that_is_no_toml_ends_with_2(capsys: pytest.CaptureFixture[str], text: str) -> None:
    """It says where it stops being TOML."""
    code, answer, said = run(capsys, "config", "check", settings(text))
    assert (code, answer) == (2, None)
    assert "is no TOML" in said


def test_a_wrong_variable_is_wrong_too(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What overrides the file is checked with it."""
    monkeypatch.setenv("SELFHEAL_HEALIN__LEASE", "3 s")
    code, answer, _ = run(capsys, "config", "check")
    assert code == 2
    assert answer["findings"][0]["setting"] == "SELFHEAL_HEALIN__LEASE"


def test_nothing_to_say_of_what_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    """Allowed, with a ladder that fits, in a file of its owner's."""
    text = '[healing]\nallow = ["a"]\n' + CONTAINER.format(name="a") + 'ladder = ["restart-container"]\n'
    assert findings(capsys, text) == {}


def test_settings_that_name_nothing_are_no_good_news(capsys: pytest.CaptureFixture[str]) -> None:
    """Where there is no file, or an empty one, nothing would be watched: that is not "all is well"."""
    code, answer, _ = run(capsys, "config", "check")
    assert (code, answer["file"]) == (0, None)
    assert [one["setting"] for one in answer["findings"]] == ["the file", "components"]
    assert "`selfheal discover --output selfheal.toml`" in answer["findings"][0]["what_to_do"]
    assert "nothing is watched" in findings(capsys, "")["components"]


def test_the_one_without_the_other_is_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    """Allowed without a ladder, a ladder without being allowed, and an allow-list that is empty."""
    ladder = 'ladder = ["restart-container"]\n'
    both = CONTAINER.format(name="a") + CONTAINER.format(name="b") + ladder
    found = findings(capsys, '[healing]\nallow = ["a"]\n' + both)
    assert "no action is named" in found["components.a.ladder"]
    assert "not in healing.allow" in found["components.b.ladder"]
    assert findings(capsys, both).keys() == {"healing.allow"}


def test_actions_that_never_fit_are_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    """One that does not exist, and one for another keeper."""
    text = (
        '[healing]\nallow = ["a", "b"]\n'
        + CONTAINER.format(name="a")
        + 'ladder = ["restart-service"]\n'
        + CONTAINER.format(name="b")
        + 'ladder = ["restart-contaner"]\n'
    )
    found = findings(capsys, text)
    assert "restart-service does not fit" in found["components.a.ladder"]
    assert "did you mean 'restart-container'?" in found["components.b.ladder"]


def test_a_mode_of_no_action_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    """A mode that is set for an action that does not exist names the nearest one."""
    file = settings('[actions.restart-contaner]\nmode = "auto"\n')
    code, answer, _ = run(capsys, "config", "check", file)
    (finding,) = answer["findings"]
    assert (code, finding["level"], finding["setting"]) == (2, "wrong", "actions.restart-contaner")
    assert "did you mean 'restart-container'?" in finding["found"] + finding["what_to_do"]


def test_a_ladder_that_never_acts_is_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    """It is allowed and fits, but its mode keeps it from acting."""
    ladder = '[healing]\nallow = ["a"]\n' + CONTAINER.format(name="a") + 'ladder = ["restart-container"]\n'
    found = findings(capsys, '[actions.restart-container]\nmode = "shadow"\n' + ladder)
    assert found["components.a.ladder"] == "nothing on it acts by itself: restart-container is in mode shadow"


def test_a_broker_of_a_supervisor_needs_its_own_action(capsys: pytest.CaptureFixture[str]) -> None:
    """What a broker raises when it is down no other action takes, though a person may ask for one."""
    text = (
        '[healing]\nallow = ["b"]\n[supervisors.main]\nurl = "http://127.0.0.1:1"\n[components.b]\nprobe = "nats"\n'
        'url = "nats://127.0.0.1:4222"\nsupervisor = "main"\nprogram = "b"\nladder = ["{action}"]\n'
    )
    assert "does not fit" in findings(capsys, text.format(action="restart-service"))["components.b.ladder"]
    assert findings(capsys, text.format(action="restore-nats-connection")) == {}


def test_a_suspect_that_is_never_healed_is_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    """A log suspects a component that may be healed, or that nothing on its ladder heals."""
    process = PROCESS.format(name="a", program="p") + 'ladder = ["{action}"]\n'
    log = '[log_monitor.sources.app]\ncomponent = "a"\nfile = "/var/log/a.log"\n'
    text = SUPERVISOR + '[healing]\nallow = ["a"]\n' + process + log
    assert findings(capsys, text.format(action="restart-service")) == {}
    found = findings(capsys, text.format(action="clear-caches"))["log_monitor.sources.app"]
    assert found == "whatever its lines say, a will not be healed: nothing on its ladder fits"
    allowed = text.replace('allow = ["a"]', "allow = []").format(action="restart-service")
    assert findings(capsys, allowed)["log_monitor.sources.app"].endswith("it is not in healing.allow")


def test_a_log_that_is_followed_twice_is_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    """Its lines would count twice."""
    text = SUPERVISOR + '[healing]\nallow = ["a"]\n' + PROCESS.format(name="a", program="p")
    text += 'ladder = ["restart-service"]\n'
    for name in ("app", "same"):
        text += f'[log_monitor.sources.{name}]\ncomponent = "a"\nfile = "/var/log/a.log"\n'
    assert findings(capsys, text) == {
        "log_monitor.sources.same": "is the same log as app: each of its lines counts twice"
    }


def test_doubles_and_idlers_are_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    """Two names for one thing, and a supervisor that runs nothing."""
    idle = '[supervisors.idle]\nurl = "http://127.0.0.1:2"\n[databases.idle]\nurl = "postgresql://h/x"\n'
    twins = PROCESS.format(name="a", program="p") + PROCESS.format(name="b", program="p")
    found = findings(capsys, SUPERVISOR + idle + twins)
    assert found["components.b"] == "is the same thing as a: supervisor/main/p"
    assert found["supervisors.idle"] == found["databases.idle"] == "is used by no component"


def test_a_password_that_others_can_read_is_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    """Only where there is one, and only where others can."""
    text = SUPERVISOR + PROCESS.format(name="a", program="p")
    assert "can be read by others" in findings(capsys, text, mode=0o644)["the file"]
    assert findings(capsys, text).keys() == {"healing.allow"}
    assert findings(capsys, CONTAINER.format(name="a"), mode=0o644).keys() == {"healing.allow"}
    own = '[postgres]\nurl = "postgresql://db/selfheal"\nmigrator_password = "x"\nhealer_password = "y"\n'
    own += 'prefect_password = "z"\n'
    assert "the file" in findings(capsys, own, mode=0o644)


def test_live_asks_and_says_who_does_not_answer(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A supervisor and an engine that are away are warnings, each with what to do; without --live nobody is asked."""
    text = (
        f'[docker]\nurl = "unix://{tmp_path}/none"\n'
        + SUPERVISOR
        + PROCESS.format(name="a", program="p")
        + CONTAINER.format(name="c")
    )
    assert findings(capsys, text).keys() == {"healing.allow"}
    found = findings(capsys, text, live=True)
    assert "no supervisor listens" in found["supervisors.main"]
    assert "no Docker engine answers" in found["docker"]


def test_show_tells_where_a_value_comes_from(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the file, from a variable over it, or the default; passwords are never shown."""
    monkeypatch.setenv("SELFHEAL_HEALING__COOLDOWN", "90 s")
    monkeypatch.setenv("SELFHEAL_WATCHING", "{sweep = 7}")
    file = settings('estate = "own"\n[healing]\ncooldown = 5\n' + SUPERVISOR + PROCESS.format(name="a", program="p"))
    code, answer, said = run(capsys, "config", "show", file)
    assert code == 0
    found = {one["setting"]: (one["value"], one["from"]) for one in answer["settings"]}
    assert found["estate"] == ("own", "the file")
    assert found["healing.cooldown"] == ("90 s", "SELFHEAL_HEALING__COOLDOWN")
    assert found["watching.sweep"] == ("7 s", "SELFHEAL_WATCHING")
    assert found["healing.lease"] == ("1 min", "default")
    assert found["supervisors.main.password"] == ("***", "the file")
    assert SECRET not in said


@pytest.mark.parametrize("command", ["check", "show"])
def test_a_named_file_must_be_there(capsys: pytest.CaptureFixture[str], command: str) -> None:
    """A file that is not there is wrong usage."""
    code, _, said = run(capsys, "config", command, "none.toml")
    assert code == 2
    assert "there is no settings file" in said

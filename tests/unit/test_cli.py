"""The command line without a stack: what is parsed, what is refused, and with which exit code."""

import json
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

from console import cli, failure, up
from console.failure import WrongUsage
from console.guide import COMMANDS
from console.maintenance import moment
from console.place import Place
from deployments import backup, stackfile
from selfheal.model.errors import Permanent, Transient
from selfheal.settings.file import load


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings and no stack of this machine are seen."""
    for name in ("SELFHEAL_DATA", "SELFHEAL_CONFIG", "SELFHEAL_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr."""
    code = cli.main(words)
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.mark.parametrize(
    ("words", "nearest"),
    [
        (["stats"], "status"),
        (["status", "--dta", "x"], "--data"),
        (["status", "-o", "xml"], "json"),
        (["history", "--limit", "0"], "--limit"),
        (["history", "--limit", "many"], "--limit"),
        (["heal"], "COMPONENT"),
        (["heal", "a", "b"], "b"),
        (["up", "--workers-limit", "1"], "--workers-limit"),
        (["pause"], "--why"),
        (["pause", "--why", " "], "--why"),
        (["pause", "--why", "x", "--for", "soon"], "2 s"),
        (["resume"], "--why"),
        (["resume", "--why", " "], "--why"),
        (["storm", "go"], "--why"),
        (["storm", "stop"], "go"),
        (["predictions", "show"], "show names no prediction"),
        (["predictions", "show", "7"], "'7' is no id of a prediction"),
        (["predictions", "list", "7"], "list takes no '7'"),
        (["predictions", "record", "--open"], "only list does"),
        (["predictions", "--rule", "MANUAL"], "BREACH_FORETOLD"),
        (["predictions", "record", "--days", "0"], "--days"),
        (["maintenance", "plan"], "--why"),
        (["maintenance", "plan", "--why", "x", "--for", "0 s"], "longer than 0"),
        (["maintenance", "plan", "--why", "x", "--from", "2020-01-01 10:00"], "over since 2020-01-01 11:00 UTC"),
        (["maintenance", "plan", "--why", "x", "--from", "noon"], "'noon' is no time"),
        (["maintenance", "plan", "--why", "x", "--zone", "Middle/Earth"], "no IANA zone"),
        (["maintenance", "plan", "2 h", "--why", "x"], "takes no window"),
        (["maintenance", "plan", "--why", "x", "--component", "a", "--group", "b"], "exclude each other"),
        (["maintenance", "plan", "--why", "x", "--group", "wbe"], "no group is named 'wbe'"),
        (["maintenance", "list", "--component", "a"], "list takes no --component"),
        (["maintenance", "end", "--why", "x"], "which window?"),
        (["maintenance", "end", "7", "--why", "x"], "'7' is no window's id"),
    ],
)
def test_wrong_usage_ends_with_2(capsys: pytest.CaptureFixture[str], words: list[str], nearest: str) -> None:
    """A wrong command line is answered in two lines that name the nearest right word, with exit code 2."""
    code, out, err = run(capsys, *words)
    assert (code, out) == (2, "")
    assert nearest in err
    assert len(err.splitlines()) == 2
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("words", "zone", "utc"),
    [
        ("2027-01-15 22:00", "Europe/Berlin", "2027-01-15 21:00"),
        ("2027-07-15 22:00", "Europe/Berlin", "2027-07-15 20:00"),
        ("2027-07-15 22:00+05:30", "Europe/Berlin", "2027-07-15 16:30"),
        ("2027-07-15T22:00Z", "Asia/Kathmandu", "2027-07-15 22:00"),
    ],
)
def test_a_window_begins_at_the_time_of_its_zone(words: str, zone: str, utc: str) -> None:
    """In summer and in winter; an offset in the words themselves counts more than the zone."""
    assert moment(words, zone).strftime("%Y-%m-%d %H:%M") == utc


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("2027-03-28 02:30", ["skips", '"2027-03-28 01:30+01:00"', '"2027-03-28 03:30+02:00"']),
        ("2027-10-31 02:30", ["shows twice", '"2027-10-31 02:30+02:00"', '"2027-10-31 02:30+01:00"']),
    ],
    ids=["gap", "overlap"],
)
def test_a_time_that_is_no_time_of_its_zone_is_asked_about(words: str, told: list[str]) -> None:
    """Where the clocks are put forward or back a person says which of the two is meant, and is told how."""
    with pytest.raises(WrongUsage) as error:
        moment(words, "Europe/Berlin")
    for part in told:
        assert part in f"{error.value.message} {error.value.hint}"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(capsys: pytest.CaptureFixture[str], command: str) -> None:
    """`--help` of each command tells what it does, what one sees, and an example, without colours in a pipe."""
    code, out, _ = run(capsys, command, "--help")
    assert code == 0
    assert COMMANDS[command].splitlines()[0] in out
    assert "You see" in COMMANDS[command] or "you see" in COMMANDS[command]
    assert f"    selfheal {command}" in out
    assert "\x1b" not in out
    assert "│" not in out


def test_options_may_stand_before_the_command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """`selfheal --data X -o json status` is `selfheal status --data X -o json`."""
    code, out, _ = run(capsys, "--data", str(tmp_path), "-o", "json", "status")
    assert code == 1
    told = json.loads(out)
    assert (told["data_folder"], told["stack"]) == (str(tmp_path), "not running")
    assert f"`selfheal up --data {tmp_path}`" in told["what_to_do"]


def test_the_folder_can_come_from_the_environment(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """SELFHEAL_DATA names the data folder; the option wins over it."""
    monkeypatch.setenv("SELFHEAL_DATA", str(tmp_path / "one"))
    assert str(tmp_path / "one") in run(capsys, "status")[1]
    assert str(tmp_path / "two") in run(capsys, "status", "--data", str(tmp_path / "two"))[1]


@pytest.mark.parametrize("command", [["history"], ["heal", "x"], ["heal", "x", "--dry-run"]])
def test_without_a_stack_a_command_says_so(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, command: list[str]
) -> None:
    """Nothing runs: exit code 1, and how to start it."""
    code, _, err = run(capsys, *command, "--data", str(tmp_path))
    assert code == 1
    assert "no stack runs" in err
    assert "selfheal up" in err


def test_wrong_settings_end_with_2(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A wrong setting is named with the nearest right one, with exit code 2, before anything is started."""
    (tmp_path / "selfheal.toml").write_text("[healing]\nleese = 3\n")
    code, _, err = run(capsys, "up", "--data", str(tmp_path / "data"))
    assert code == 2
    assert "healing.leese" in err
    assert "'lease'" in err
    assert not (tmp_path / "data").exists()


def test_a_named_settings_file_must_exist(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """--config with a file that is not there is wrong usage."""
    code, _, err = run(capsys, "up", "--config", str(tmp_path / "none.toml"))
    assert code == 2
    assert "none.toml" in err


def test_an_action_that_nobody_knows_is_a_wrong_setting(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """`up` ends with 2, as for any other wrong setting: systemd does not try that again and again."""
    file = tmp_path / "selfheal.toml"
    file.write_text('[components.a]\nprobe = "container"\ncontainer = "a"\nladder = ["restart-contaner"]\n')
    code = failure.told(lambda: up._run(load(file), file, tmp_path / "data", 8))
    assert code == 2
    err = capsys.readouterr().err
    assert f"wrong settings in {file}" in err
    assert "components.a.ladder: no action is named 'restart-contaner'" in err


@pytest.mark.parametrize("words", [("status",), ("backup", "monday.zip")], ids=["status", "backup"])
def test_a_folder_of_another_user_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """A data folder that may not be read says whose command this is, not a traceback."""

    def closed(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(stackfile, "read", closed)
    monkeypatch.setattr(backup, "_text", closed)
    code, _, err = run(capsys, *words, "--data", str(tmp_path))
    assert code == 1
    assert "permission denied" in err
    assert "what to do" in err


def test_doctor_without_a_stack(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Doctor finds out that nothing runs, once, and still checks the machine."""
    code, out, _ = run(capsys, "doctor", "--data", str(tmp_path), "-o", "json")
    checks = {one["check"]: one["result"] for one in json.loads(out)["checks"]}
    assert code == 1
    assert checks["stack"] == "problem"
    assert checks["python"] == checks["data folder"] == "ok"
    assert "postgres" not in checks


def test_the_settings_of_the_folder_are_found(tmp_path: Path) -> None:
    """Without --config the settings come from here, else from the data folder."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "selfheal.toml").touch()
    place = Place(data=str(data))
    assert place.config_file() == data / "selfheal.toml"
    (tmp_path / "selfheal.toml").touch()
    assert place.config_file() == tmp_path / "selfheal.toml"


@pytest.mark.parametrize(
    ("error", "code"),
    [(Transient("away", hint="wait"), 1), (failure.WrongUsage("wrong"), 2), (KeyboardInterrupt(), 130)],
)
def test_errors_become_exit_codes(capsys: pytest.CaptureFixture[str], error: BaseException, code: int) -> None:
    """Each kind of end has its exit code, and at most two lines."""

    def broken() -> int:
        raise error

    assert failure.told(broken) == code
    assert len(capsys.readouterr().err.splitlines()) <= 2


def test_an_unexpected_error_is_kept_in_the_log(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A bug of ours is told in two lines that name the log; the traceback is there."""
    log = tmp_path / "selfheal.log"

    def broken() -> int:
        raise RuntimeError("a bug")

    assert failure.told(broken, log=lambda: log) == 1
    said = capsys.readouterr().err
    assert str(log) in said
    assert "Traceback" not in said
    assert "RuntimeError: a bug" in log.read_text()


def test_a_permanent_error_shows_its_hint(capsys: pytest.CaptureFixture[str]) -> None:
    """The hint stands in a line of its own."""

    def broken() -> int:
        raise Permanent("no", hint="yes")

    failure.told(broken)
    assert capsys.readouterr().err == "selfheal: no\n  what to do: yes\n"


def test_a_closed_pipe_is_no_news(tmp_path: Path) -> None:
    """When nobody reads the answer, nothing is said about it on stderr."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "console.cli", "doctor", "--data", str(tmp_path)]
    try:
        done = subprocess.run(
            command, stdout=writing, stderr=subprocess.PIPE, check=False, cwd=Path(cli.__file__).parents[1]
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize("words", [["--help"], ["status"], ["history"], ["demo", "--help"]])
def test_reading_commands_import_little(words: list[str], tmp_path: Path) -> None:
    """Prefect is not imported by what must start fast, and SQLAlchemy not without a running stack."""
    program = (
        "import sys; from console.cli import main; main(sys.argv[1:]); "
        "sys.exit(any(name in sys.modules for name in ('prefect', 'sqlalchemy', 'alembic')))"
    )
    command = [sys.executable, "-c", program, *words, *([] if "--help" in words else ["--data", str(tmp_path)])]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_a_trial_of_patterns_takes_a_line_of_any_length(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A line counts once, is looked at up to 8 KiB, and is never in memory as a whole."""
    file, long = tmp_path / "app.log", 30_000_000
    file.write_bytes(b"FATAL one\n" + b"x" * long + b" FATAL\nFATAL two\n")
    tracemalloc.start()
    try:
        code, said, _ = run(capsys, "logs", "test", str(file), "-o", "json")
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    told = json.loads(said)
    assert (code, told["lines"], [one["line"] for one in told["hits"]]) == (0, 3, [1, 3])
    assert most < long


def test_estate_sql_prints_what_to_run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The SQL goes to stdout, what to do with it to stderr, and no password to either."""
    (tmp_path / "selfheal.toml").write_text(
        '[databases.agents]\nurl = "postgresql://127.0.0.1/agents"\npassword = "geheim-4711"\n'
        '[migrations.stock]\ndatabase = "agents"\ncreates = "wms.stock"\nsql = "CREATE VIEW wms.stock AS SELECT 1"\n'
    )
    code, out, err = run(capsys, "estate-sql", "agents")
    assert (code, out.splitlines()[0], out.splitlines()[-1]) == (0, "BEGIN;", "COMMIT;")
    assert "SELECT 'stock', 'wms.stock'" in out
    assert "1 migrations" in err
    assert "geheim" not in out + err
    code, out, err = run(capsys, "estate-sql", "agnets")
    assert (code, out) == (2, "")
    assert "did you mean 'agents'" in err

"""When a zygote is replaced, which runs are not forked, and what a prefork worker can be told."""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from anyio.abc import TaskStatus

from deployments.prefork import fallback, preload
from deployments.prefork.journal import Journal, Noted
from deployments.prefork.options import Options
from deployments.prefork.prefect_private import has_other_settings
from deployments.prefork.reading import Reading, differs
from deployments.prefork.renewal import When, renewal
from deployments.prefork.request import Ready, Request
from deployments.prefork.slots import within_slots
from deployments.prefork.surroundings import changed, restore, surroundings
from selfheal.protocol.holder import holder_of

FILES = {"/shop/flows.py": (1, 2, 3), "/shop/uv.lock": (4, 5, 6), "/shop/poetry.lock": None}
READY = Ready(
    modules=["shop.flows"],
    left_out={"shop.odd": "starts 1 thread when it is imported"},
    files=FILES,
    variables=["STAGE"],
    rss=100,
)


def found(**other: object) -> When | None:
    """How soon a zygote is replaced that is otherwise as it began."""
    looked: dict[str, object] = {"now": FILES, "runs": 0, "most_runs": 9, "rss": 100, "wanted": ["shop.flows"], **other}
    wanted = renewal(READY, **looked)  # type: ignore[arg-type]
    return wanted and wanted.when


def test_a_zygote_of_today_is_kept() -> None:
    """Nothing has changed, also where a module was left out for good reason."""
    assert found() is None
    assert found(wanted=["shop.flows", "shop.odd"], runs=8, rss=124) is None


@pytest.mark.parametrize("stamp", [(9, 2, 3), (1, 9, 3), (1, 2, 9), None])
def test_a_changed_file_makes_the_next_run_wait(stamp: tuple[int, int, int] | None) -> None:
    """Time, size or another file of the same name; one that is gone, too."""
    assert found(now={**FILES, "/shop/flows.py": stamp}) is When.NOW


def test_a_lock_file_that_was_not_there_is_a_change() -> None:
    """What a zygote has looked for in vain may come."""
    assert found(now={**FILES, "/shop/poetry.lock": (1, 2, 3)}) is When.NOW


@pytest.mark.parametrize("other", [{"runs": 9}, {"rss": 126}, {"wanted": ["shop.flows", "shop.new"]}])
def test_what_only_gets_old_is_replaced_beside(other: dict[str, object]) -> None:
    """After its number of runs, when it has grown, or for a module that it has not imported: no run waits."""
    assert found(**other) is When.BESIDE


def test_a_run_with_another_interpreter_environment_is_not_forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an interpreter or a library reads once must be the worker's; everything else may differ."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    same = dict(os.environ)
    assert fallback.unforkable({**same, "TOKEN": "secret", "PYTHONPATH": "/shop"}) == ""
    assert "OMP_NUM_THREADS" in fallback.unforkable({**same, "OMP_NUM_THREADS": "4"})
    assert "OMP_NUM_THREADS" in fallback.unforkable({name: same[name] for name in same if name != "OMP_NUM_THREADS"})
    assert "PYTHONHASHSEED" in fallback.unforkable({**same, "PYTHONHASHSEED": "5"})


def test_settings_are_read_again_where_they_may_differ(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """For another variable of Prefect's or settings in the run's folder; not for what belongs to the run."""
    monkeypatch.setenv("PREFECT_LOGGING_LEVEL", "INFO")
    before = {**os.environ, "PREFECT__FLOW_RUN_ID": "the last one", "COLOUR": "red"}
    assert not has_other_settings(str(tmp_path), before)
    assert has_other_settings(str(tmp_path), {**before, "PREFECT_LOGGING_LEVEL": "DEBUG"})
    assert has_other_settings(str(tmp_path), {**before, "PREFECT_API_KEY": "gone"})
    (tmp_path / "prefect.toml").touch()
    assert has_other_settings(str(tmp_path), before)


def test_fork_is_not_to_be_had_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """On another system, and where Python cannot watch processes, it says what is missing."""
    monkeypatch.setattr("sys.platform", "darwin")
    assert fallback.unavailable() == "needs Linux, this is darwin"
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delattr(os, "pidfd_open")
    assert "pidfd_open" in fallback.unavailable()


@pytest.mark.parametrize(
    ("waiting", "free", "begin"),
    [
        ("wwww", 4, "www"),
        ("ww", 4, "ww"),
        ("wwhw", 4, "hww"),
        ("wwhw", 1, "h"),
        ("ww", 1, ""),
        ("hhh", 1, "hhh"),
        ("ww", 0, ""),
    ],
)
def test_a_slot_is_kept_for_heals(waiting: str, free: int, begin: str) -> None:
    """Others never take the last one; heals come first, as many as wait (the worker stops at its limit)."""
    assert within_slots(waiting, queue_of=str, reserved="h", free=free) == list(begin)


def test_a_run_is_lost_only_when_nobody_looks_after_it(tmp_path: Path) -> None:
    """Not while it is under way, nor while its process or another worker lives; a damaged file is left."""
    journal, run_id = Journal(tmp_path / "runs"), UUID(int=1)
    assert journal.lost() == []
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    with journal.run(run_id):
        journal.began(run_id, sleeper.pid)
        assert journal.lost() == []
    assert journal.lost() == []
    sleeper.kill()
    sleeper.wait()
    assert journal.lost() == [run_id]
    file = tmp_path / "runs" / f"{run_id}.json"
    noted = json.loads(file.read_text())
    parent = holder_of(os.getppid())
    beside = {"host": parent.host, "pid": parent.pid, "started": parent.started}
    file.write_text(json.dumps({**noted, "worker": beside}))
    assert journal.lost() == []
    file.write_text(json.dumps({**noted, "worker": {**beside, "started": 1}}))
    assert journal.lost() == [run_id]
    file.write_text(json.dumps({**noted, "process": {**noted["process"], "host": "elsewhere"}}))
    assert journal.lost() == []
    file.write_text("{")
    assert journal.lost() == []
    journal.ended(run_id)
    journal.ended(run_id)
    assert list((tmp_path / "runs").iterdir()) == []
    (tmp_path / "runs" / "copy.json").write_text("{}")
    assert journal.lost() == []


def test_a_run_goes_on_where_it_cannot_be_noted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A full disk, or one that is read only, costs the note and not the run; it is told."""
    (tmp_path / "file").touch()
    journal, run_id = Journal(tmp_path / "file" / "runs"), UUID(int=1)
    with journal.run(run_id):
        journal.began(run_id, os.getpid())
    journal.ended(run_id)
    assert journal.lost() == []
    assert "is not noted" in caplog.text


def test_what_is_read_at_import_is_known() -> None:
    """Variables, also those that are not there, and files; nothing that is read afterwards."""
    reading = Reading()
    with reading.noting():
        os.environ.get("SHOP_STAGE")
        Path(__file__).read_text(encoding="utf-8")
        kept = open
        Path("/proc/self/stat").read_text(encoding="utf-8")
    os.environ.get("SHOP_OTHER")
    with kept(os.devnull) as _, open(json.__file__) as _:  # noqa: PTH123 - a name that a module may keep
        pass
    assert (reading.variables, reading.files) == ({"SHOP_STAGE"}, {__file__})
    assert type(os.environ).__name__ == "_Environ"
    with reading.noting():
        dict(os.environ)
    assert reading.of_a_run() == ""
    assert reading.variables > {"SHOP_STAGE", "*"}
    with reading.noting():
        os.environ.get("PREFECT__FLOW_RUN_ID")
    assert reading.of_a_run() == "reads PREFECT__FLOW_RUN_ID"


@pytest.mark.parametrize(
    ("read", "run", "other"),
    [
        (["STAGE"], {"STAGE": "production"}, "STAGE"),
        (["STAGE"], {"STAGE": "test"}, ""),
        (["STAGE"], {}, "STAGE"),
        (["COLOUR"], {"STAGE": "test", "COLOUR": "red"}, "COLOUR"),
        (["COLOUR"], {"STAGE": "production", "TOKEN": "secret"}, ""),
        (["*"], {"STAGE": "test", "TOKEN": "secret"}, "TOKEN"),
        (["*"], {"STAGE": "test", "PREFECT__FLOW_RUN_ID": "5", "OMP_NUM_THREADS": "4"}, ""),
    ],
)
def test_a_run_that_differs_in_what_was_read_is_told(read: list[str], run: dict[str, str], other: str) -> None:
    """By the variable's name; not for what is each run's own, nor for what numeric libraries read once."""
    assert differs(read, run=run, zygote={"STAGE": "test"}) == other


def test_an_installation_is_noticed() -> None:
    """The folders of the installed packages that are imported are looked at, beside those that hold them."""
    looked_at = preload.files((), also=(), since=0.0)
    assert {str(Path(pytest.__file__).parent), str(Path(pytest.__file__).parent.parent)} <= set(looked_at)


def test_a_copied_file_is_another_one_whatever_time_it_bears(tmp_path: Path) -> None:
    """As `rsync -t` and `cp -p` write it: the same name, size and time of change."""
    flows = tmp_path / "flows.py"
    flows.write_text("PRICE = 1")
    os.utime(flows, (1, 1))
    before = preload.stamp(str(flows))
    while preload.stamp(str(flows)) == before:  # within one tick of the clock it may bear the same
        flows.write_text("PRICE = 2")
        os.utime(flows, (1, 1))


def _umask() -> None:
    os.umask(0o7)


def _variable() -> None:
    os.environ["SHOP_TOKEN"] = "of a file"


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (_umask, "the umask"),
        (_variable, "the environment"),
        (lambda: os.chdir("/"), "the working folder"),
        (lambda: sys.path.insert(0, "/shop"), "sys.path"),
        (lambda: signal.signal(signal.SIGUSR2, signal.SIG_IGN), "a signal handler"),
        (lambda: socket.setdefaulttimeout(1), "the time-out of sockets"),
        (lambda: logging.root.addHandler(logging.NullHandler()), "the root logger"),
    ],
)
def test_what_an_import_changes_for_all_is_told(change: Callable[[], object], name: str) -> None:
    """Each by its name, and what would outlive an `exec` is put back."""
    before = surroundings()
    assert changed(before) == ""
    try:
        change()
        assert changed(before) == f"changes {name}"
        restore(before)
        if name in {"the umask", "the working folder", "a signal handler"}:
            assert changed(before) == ""
    finally:
        restore(before)
        os.environ.pop("SHOP_TOKEN", None)
        sys.path[:] = before["sys.path"]
        socket.setdefaulttimeout(before["the time-out of sockets"])
        logging.root.handlers[:] = before["the root logger"][2]


def test_numeric_libraries_may_set_variables_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """They count when the library is loaded, and scikit-learn would have to be left out."""
    before = surroundings()
    monkeypatch.setenv("KMP_INIT_AT_FORK", "FALSE")
    assert changed(before) == ""


def test_what_stays_open_is_no_child_s_to_share(tmp_path: Path) -> None:
    """A file keeps its place for all who share it, a process is somebody else's; a device may stay open."""
    program = textwrap.dedent("""
        import socket, subprocess, sys
        from deployments.prefork.preload import unsafe
        said = [unsafe(known=())]
        devices = open("/dev/null"), open("/dev/urandom", "rb")
        said.append(unsafe(known=()))
        with open(sys.argv[1], "w") as kept:
            said += [unsafe(known=()), unsafe(known={kept.fileno()})]
        with socket.socket():
            said.append(unsafe(known=()))
        with subprocess.Popen(["sleep", "60"]) as process:
            said.append(unsafe(known=()))
            process.kill()
        print("\\n".join(said))
    """)
    words = [sys.executable, "-c", program, str(tmp_path / "kept")]
    asked = subprocess.run(words, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    said = asked.stdout.split("\n")
    assert said[:2] == ["", ""]
    assert said[2].startswith(f"keeps {tmp_path / 'kept'} open")
    assert said[3] == ""
    assert said[4].startswith("opens a connection")
    assert said[5] == "starts a process"


def test_a_run_that_is_not_forked_is_not_lost_while_its_process_lives(tmp_path: Path) -> None:
    """It may outlive a killed worker: its process is in the journal as well, and who waits for the start is told."""
    journal, run_id, told = Journal(tmp_path / "runs"), UUID(int=1), list[int]()

    class Waits(TaskStatus[int]):
        def started(self, value: Any = None) -> None:
            told.append(value)

    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    with journal.run(run_id):
        Noted(journal, run_id, Waits()).started(sleeper.pid)
    assert (told, journal.lost()) == ([sleeper.pid], [])
    sleeper.kill()
    sleeper.wait()
    assert journal.lost() == [run_id]


def test_options_come_from_the_environment() -> None:
    """Names without blanks; a number that makes no sense is refused by the variable's name."""
    told = Options.of({"PREFORK_MODULES": "numpy, shop.flows,", "PREFORK_RUNS": "7", "PREFORK_RESERVED_QUEUE": "heals"})
    assert told == Options(modules=("numpy", "shop.flows"), runs=7, reserved_queue="heals")
    assert Options.of({}) == Options()
    for wrong in ("0", "-1", "many"):
        with pytest.raises(ValueError, match="PREFORK_RUNS"):
            Options.of({"PREFORK_RUNS": wrong})


def test_what_is_said_arrives_as_it_was_said() -> None:
    """A request and a zygote's word survive their line, with whatever characters are in them."""
    asked = Request(environment={"TOKEN": 'a\n"b\u2028ü'}, folder="/tmp/x y", title="öl\n", hook={"kind": "crashed"})  # noqa: S108
    assert asked.line().count(b"\n") == 1
    assert Request.read(asked.line()) == asked
    assert Ready.read(READY.line()) == READY
    assert "ü" not in repr(asked)

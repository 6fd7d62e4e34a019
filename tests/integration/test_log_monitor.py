"""Logs are followed into the database: every line counts once, whatever happens to the file or to us."""

import gzip
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from estate_fixtures import until
from sqlalchemy import Engine, text

from selfheal.clients.clock import SystemClock
from selfheal.clients.docker_state import REMOVED
from selfheal.clients.log_file import LogFile
from selfheal.model.admission import Answer, Decision
from selfheal.model.errors import Transient
from selfheal.model.log import LogRules, LogSource
from selfheal.model.observation import Incarnation
from selfheal.model.trigger import Priority, Source, Trigger, TriggerType
from selfheal.policy.log_patterns import REFERENCE
from selfheal.policy.log_scan import Scanner
from selfheal.ports.logs import LogStream
from selfheal.protocol.heal import Result
from selfheal.protocol.holder import this_process
from selfheal.store.health import HealthHistory
from selfheal.store.logs import Logs
from selfheal.watch.log_source import FollowedLog
from selfheal.watch.log_watcher import LogSummary, LogWatcher, LogWorld
from selfheal.wiring.logs import reader_of

RULES = LogRules(patterns=REFERENCE)
HEALTHY = Result(answer=Answer(decision=Decision.ALREADY_HEALTHY, reason="it is healthy"))


@dataclass(kw_only=True)
class Desk:
    """One log file, its store, and what follows it turn by turn."""

    engine: Engine
    path: Path
    from_start: bool = True
    quiet_s: float = 60.0
    rules: LogRules = RULES
    suspects: dict[str, str] = field(default_factory=dict)
    raised: list[Trigger] = field(default_factory=list)
    follower: FollowedLog = field(init=False)

    def __post_init__(self) -> None:
        self.restart()

    @property
    def source(self) -> LogSource:
        return LogSource(
            name="app",
            component="backend",
            file=str(self.path),
            suspects=self.suspects,
            from_start=self.from_start,
        )

    def restart(self) -> None:
        """Another process, which knows only what is committed."""
        self.follower = FollowedLog(
            self.source,
            self.rules,
            Scanner(self.rules.patterns),
            reader=LogFile(self.path, from_start=self.from_start, quiet_s=self.quiet_s),
            store=self.store,
        )

    @property
    def store(self) -> Logs:
        return Logs(self.engine, ["looked-into"])

    def write(self, *lines: str, end: str = "\n", path: Path | None = None) -> None:
        with (path or self.path).open("a", encoding="utf-8", newline="") as log:
            log.write("".join(f"{line}{end}" for line in lines))

    def turn(self, times: int = 1) -> list[Trigger]:
        raised = [one for _ in range(times) for one in self.follower.turn()]
        assert not self.follower.complaint
        self.raised += raised
        return raised

    def asked(self, statement: str) -> list[tuple[Any, ...]]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(statement))]

    @property
    def lines(self) -> int:
        return int(self.asked("SELECT lines FROM log_positions")[0][0])

    def hits(self) -> dict[str, int]:
        return dict(self.asked("SELECT pattern, sum(hits)::int FROM log_counts GROUP BY 1"))  # type: ignore[arg-type]

    def gaps(self) -> list[str]:
        return [kind for (kind,) in self.asked("SELECT kind FROM log_gaps ORDER BY found_at")]


@pytest.fixture
def desk(empty: Engine, tmp_path: Path) -> Desk:
    return Desk(engine=empty, path=tmp_path / "app.log")


def numbered(first: int, last: int) -> list[str]:
    return [f"ERROR uncaughtException {number:06d} in worker" for number in range(first, last)]


def test_a_line_counts_once_for_the_most_specific_pattern(desk: Desk) -> None:
    """The line that fits three patterns is one event of heap; others are none of anything."""
    desk.write("FATAL ERROR: Allocation failed - JavaScript heap out of memory", "all is well", "PANIC: no space")
    desk.turn(2)
    assert desk.hits() == {"heap": 1, "fatal": 1}
    assert desk.lines == 3


def test_a_threshold_raises_once_for_the_suspect(desk: Desk) -> None:
    """The third refused connection within the window raises; the next two do not, three more do."""
    desk.suspects["nats-refused"] = "broker"
    desk.restart()
    refused = "Error: connect ECONNREFUSED 10.1.2.3:4222"
    desk.write(refused, refused)
    assert desk.turn() == []
    desk.write(refused)
    (trigger,) = desk.turn()
    assert (trigger.type, trigger.source, trigger.component) == (TriggerType.LOG_ERROR, Source.LOG_MONITOR, "broker")
    assert trigger.priority is Priority.HIGH
    assert "3 lines of nats-refused" in trigger.reason
    desk.write(refused, refused)
    assert desk.turn() == []
    desk.write(refused)
    assert len(desk.turn()) == 1


def test_hits_before_a_restart_count_towards_the_threshold(desk: Desk) -> None:
    """Two lines, kill -9, one line: that is three."""
    refused = "Error: connect ECONNREFUSED 10.1.2.3:5432"
    desk.write(refused, refused)
    desk.turn()
    desk.restart()
    desk.write(refused)
    assert [one.component for one in desk.turn()] == ["backend"]


def test_errors_are_grouped_by_their_signature(desk: Desk) -> None:
    """Equal but for ids, times and addresses: one row with a true count, without secrets and NUL bytes."""
    for number in range(7):
        desk.write(f"2026-11-28T10:00:0{number}Z FATAL job {uuid4()} on 10.0.0.{number}:80 password=hunter{number}\x00")
    desk.write("FATAL another thing")
    desk.turn()
    rows = desk.asked("SELECT occurrence_count, message, component, severity FROM system_errors ORDER BY 1")
    assert [row[0] for row in rows] == [1, 7]
    assert "hunter" not in rows[1][1]
    assert "\x00" not in rows[1][1]
    assert rows[1][2:] == ("backend", "CRITICAL")


def test_a_resolved_error_that_comes_again_is_open(desk: Desk) -> None:
    """Who resolves it sees it again; who ignores it does not."""
    desk.write("FATAL first thing", "FATAL second thing")
    desk.turn()
    with desk.engine.begin() as connection:
        connection.execute(text("UPDATE system_errors SET status = 'RESOLVED' WHERE message LIKE '%first%'"))
        connection.execute(text("UPDATE system_errors SET status = 'IGNORED' WHERE message LIKE '%second%'"))
    desk.write("FATAL first thing", "FATAL second thing")
    desk.turn()
    assert desk.asked("SELECT status, occurrence_count FROM system_errors ORDER BY message") == [
        ("OPEN", 2),
        ("IGNORED", 2),
    ]


def test_what_nothing_mends_is_told_once_in_a_window(desk: Desk) -> None:
    """A person is told of the signature; no trigger is raised, unless the suspect is looked into."""
    line = "Error: spawn claude ENOENT"
    for _ in range(3):
        desk.write(line, line, line)
        assert desk.turn() == []
    told = desk.asked("SELECT severity, dedup_key, details ->> 'pattern' FROM alert_outbox")
    assert [(one[0], one[1].rpartition("/")[0], one[2]) for one in told] == [
        ("WARNING", "log/app/spawn-enoent", "spawn-enoent")
    ]
    desk.suspects["spawn-enoent"] = "looked-into"
    desk.restart()
    desk.write(line, line, line)
    assert [one.component for one in desk.turn()] == ["looked-into"]


def test_what_stood_there_before_is_history(empty: Engine, tmp_path: Path) -> None:
    """At the first look the reading begins at the end; a file that appears later is read from its start."""
    old = tmp_path / "app.log"
    old.write_text("FATAL long ago\nFATAL half a li")
    desk = Desk(engine=empty, path=old, from_start=False)
    desk.turn()
    desk.write("ne", "FATAL now")
    desk.turn()
    assert (desk.lines, desk.hits()) == (1, {"fatal": 1})


def test_a_file_that_comes_later_is_read_from_its_start(empty: Engine, tmp_path: Path) -> None:
    """It was not there at the first look, so nothing of it is history; not even after a restart."""
    desk = Desk(engine=empty, path=tmp_path / "later.log", from_start=False)
    desk.turn()
    desk.restart()
    desk.turn()
    desk.write("FATAL first of all")
    desk.turn()
    assert (desk.lines, desk.hits()) == (1, {"fatal": 1})


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_a_renamed_file_is_read_to_its_end(desk: Desk, *, restarted: bool, packed: bool) -> None:
    """Rotation, with and without a restart, also when the old part was packed meanwhile: each line once."""
    desk.write(*numbered(0, 100))
    desk.turn()
    desk.write(*numbered(100, 150))
    old = desk.path.with_name("app.log.1")
    desk.path.rename(old)
    if not restarted:
        desk.turn()
    desk.write(*numbered(150, 160), path=old)
    desk.write(*numbered(160, 200))
    if packed:
        with old.open("rb") as plain, gzip.open(f"{old}.gz", "wb") as into:
            shutil.copyfileobj(plain, into)
        shutil.copystat(old, f"{old}.gz")
        old.unlink()
    if restarted:
        desk.restart()
    desk.turn(3)
    assert (desk.lines, desk.hits(), desk.gaps()) == (200, {"uncaught": 200}, [])


def test_two_rotations_while_nobody_looks(desk: Desk) -> None:
    """The part in between is read too, and a copy of what was read is not."""
    desk.write(*numbered(0, 10))
    desk.turn()
    shutil.copy(desk.path, desk.path.with_name("app.log.bak"))
    desk.write(*numbered(10, 20))
    for name, lines in (("app.log.2", numbered(20, 30)), ("app.log.1", numbered(30, 40))):
        desk.path.rename(desk.path.with_name(name))
        desk.write(*lines)
    desk.restart()
    desk.turn(3)
    assert (desk.lines, desk.gaps()) == (40, [])


def test_an_emptied_file_is_a_gap_unless_its_copy_is_there(desk: Desk) -> None:
    """Copytruncate: the rest is read in the copy; without a copy the loss is recorded, and reading goes on."""
    desk.write(*numbered(0, 10))
    desk.turn()
    desk.write(*numbered(10, 20))
    shutil.copy(desk.path, desk.path.with_name("app.log.1"))
    os.truncate(desk.path, 0)
    desk.write(*numbered(20, 22))
    desk.turn(2)
    assert (desk.lines, desk.gaps()) == (22, [])
    os.truncate(desk.path, 0)
    desk.write(*numbered(22, 40))  # longer than before
    desk.turn(2)
    assert (desk.lines, desk.gaps()) == (40, ["TRUNCATED"])


def test_a_hole_is_no_line(desk: Desk) -> None:
    """A writer that does not append goes on behind a hole where the file was emptied: its first line is whole."""
    with desk.path.open("wb", buffering=0) as log:
        log.write(b"fine\n" * 200_000)
        desk.turn()
        os.truncate(desk.path, 0)
        log.write(b"FATAL behind the hole\nfine\n")
        desk.turn(2)
    assert (desk.lines, desk.hits(), desk.gaps()) == (200_002, {"fatal": 1}, ["TRUNCATED"])
    assert desk.asked("SELECT cut FROM log_positions") == [(0,)]


def test_a_file_that_is_nowhere_is_a_gap(desk: Desk) -> None:
    """Replaced while we were away: recorded, and the new one is read from its start."""
    desk.write(*numbered(0, 10))
    desk.turn()
    kept = desk.path.with_name("elsewhere")
    desk.path.rename(kept)
    desk.write(*numbered(10, 30))
    desk.restart()
    desk.turn(2)
    assert (desk.lines, desk.gaps()) == (30, ["REPLACED"])


def test_long_lines_are_cut_and_counted(desk: Desk) -> None:
    """Beyond 8 KiB nothing is looked at; the line counts once, and the next one is whole."""
    far = "x" * 9000 + " FATAL"
    near = "FATAL " + "y" * 2_000_000
    desk.write(far, near, "FATAL after")
    desk.turn(3)
    assert (desk.lines, desk.hits()) == (3, {"fatal": 2})
    assert desk.asked("SELECT cut FROM log_positions") == [(2,)]
    assert desk.asked("SELECT count(*) FROM system_errors WHERE metadata ->> 'cut' = 'true'") == [(1,)]


def test_a_line_waits_for_its_end_and_the_last_of_a_renamed_file_does_not(desk: Desk) -> None:
    """Half a line is none yet; that of a file nobody writes to any more is one."""
    desk.quiet_s = 0.0
    desk.restart()
    desk.write("FATAL half", end="")
    desk.turn()
    assert desk.lines == 0
    desk.path.rename(desk.path.with_name("app.log.1"))
    desk.write("FATAL whole")
    desk.turn(3)
    assert (desk.lines, desk.hits()) == (2, {"fatal": 2})


class Empty:
    """A Docker engine without a container."""

    def container(self, _name: str) -> Incarnation:
        return REMOVED

    def log(self, container_id: str, *, since: int) -> LogStream:
        raise NotImplementedError


@pytest.mark.parametrize("troubled", [False, True])
def test_a_log_in_another_place_is_another_log(desk: Desk, *, troubled: bool) -> None:
    """From a file to a container's and to another file: what stands in the new place is history, and it is followed."""
    desk.write("FATAL of the first file")
    desk.turn()
    container = replace(desk.source, file="", container="app-1")
    log = FollowedLog(
        container, RULES, Scanner(REFERENCE), reader=reader_of(container, engine=Empty()), store=desk.store
    )
    assert (list(log.turn()), log.complaint) == ([], "")
    log.close()
    desk.path, desk.from_start = desk.path.with_name("moved.log"), False
    desk.restart()
    if troubled:
        desk.path.mkdir()
        assert desk.follower.turn() == ()
        desk.path.rmdir()
    desk.write("FATAL long ago")
    desk.turn()
    desk.write("FATAL now")
    desk.turn()
    assert (desk.lines, desk.hits(), desk.gaps()) == (2, {"fatal": 2}, [])


def test_of_two_that_follow_only_the_first_commits(desk: Desk) -> None:
    """Overlapping runs: the line counts once, and the slower one goes on from there."""
    desk.write(*numbered(0, 10))
    desk.turn()
    other = Desk(engine=desk.engine, path=desk.path)
    other.turn()
    desk.write(*numbered(10, 20))
    desk.turn()
    other.turn(2)
    desk.write(*numbered(20, 30))
    other.turn()
    desk.turn(2)
    assert (desk.lines, desk.hits()) == (30, {"uncaught": 30})


def test_a_stranger_cannot_flood_the_errors(desk: Desk) -> None:
    """Ten thousand forged lines, each different: some hundred rows, a true count, few triggers."""
    words = ["".join(chr(97 + (number // 26**place) % 26) for place in range(4)) for number in range(10_000)]
    desk.write(*(f"FATAL {word}" for word in words))
    desk.turn()
    ((rows, counted),) = desk.asked("SELECT count(*), sum(occurrence_count) FROM system_errors")
    assert counted == 10_000
    assert rows <= 502
    assert len(desk.raised) <= 10


def test_what_cannot_be_read_is_told_once(desk: Desk) -> None:
    """A folder in place of the file: said once with what to do, and over when it is repaired."""
    desk.path.mkdir()
    assert desk.follower.turn() == ()
    assert "is no regular file" in desk.follower.complaint
    desk.follower.turn()
    assert desk.asked("SELECT count(*) FROM alert_outbox") == [(1,)]
    desk.path.rmdir()
    desk.write("FATAL at last")
    desk.turn(2)
    assert desk.asked("SELECT trouble FROM log_positions") == [(None,)]
    assert desk.lines == 1
    told = desk.asked("SELECT kind, dedup_key, message FROM alert_outbox ORDER BY created_at")
    assert told[1:] == [("RESOLVED", "log/app", "the log app is read again")]


def test_the_trouble_of_a_log_that_the_settings_name_no_more_is_over(desk: Desk) -> None:
    """Told once; a log that is still followed keeps its trouble."""
    desk.path.mkdir()
    desk.follower.turn()
    store = Logs(desk.engine)
    store.leave(["app"])
    assert desk.asked("SELECT count(*) FROM alert_outbox") == [(1,)]
    store.leave([])
    store.leave([])
    told = desk.asked("SELECT kind, details ->> 'component', message FROM alert_outbox ORDER BY created_at")
    assert [(one[0], one[1]) for one in told] == [("RAISED", "backend"), ("RESOLVED", None)]
    assert told[1][2] == "the log app is followed no more"


def test_a_file_that_may_not_be_read_is_told_once_and_read_later(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to do, to a person too; nothing is lost meanwhile."""
    desk.write("FATAL one")
    desk.turn()

    def closed(path: Path, flags: int) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    desk.write("FATAL two")
    desk.restart()
    with monkeypatch.context() as patched:
        patched.setattr("selfheal.clients.log_stretch.os.open", closed)
        for _ in range(3):
            assert desk.follower.turn() == ()
        assert "let our user read the file" in desk.follower.complaint
    ((message,),) = desk.asked("SELECT message FROM alert_outbox")
    assert "we may not read" in message
    desk.turn()
    assert (desk.lines, desk.gaps()) == (2, [])


def test_while_the_database_is_away_nothing_is_lost(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be committed is read again, once it can; said once."""
    desk.write(*numbered(0, 10))

    def away(*_: object) -> None:
        raise Transient("the database does not answer")

    with monkeypatch.context() as patched:
        patched.setattr(Logs, "commit", away)
        for _ in range(3):
            assert desk.follower.turn() == ()
        assert desk.follower.complaint == "the database does not answer"
    desk.path.rename(desk.path.with_name("app.log.1"))
    desk.write(*numbered(10, 12))
    desk.turn(2)
    assert desk.lines == 2  # never looked at before: what was renamed meanwhile is history
    desk.write(*numbered(12, 20))
    with monkeypatch.context() as patched:
        patched.setattr(Logs, "commit", away)
        desk.follower.turn()
    desk.path.rename(desk.path.with_name("app.log.2"))
    desk.write(*numbered(20, 30))
    desk.turn(2)
    assert (desk.lines, desk.gaps()) == (20, [])


@contextmanager
def running(
    engine: Engine, path: Path, dispatch: Callable[[Trigger], Result]
) -> Iterator[tuple[LogWatcher, list[LogSummary]]]:
    """A watcher in a thread."""
    world = LogWorld(
        sources=[LogSource(name="app", component="backend", file=str(path), from_start=True)],
        rules=RULES,
        reader=lambda source: LogFile(Path(source.file), from_start=source.from_start),
        store=Logs(engine),
        health=HealthHistory(engine),
        dispatch=dispatch,
        publish=lambda _metrics, _well: None,
        clock=SystemClock(),
        holder=this_process(),
        at_once=2,
        summary=timedelta(minutes=5),
    )
    watcher, ended = LogWatcher(world, run_id=uuid4()), list[LogSummary]()
    thread = threading.Thread(target=lambda: ended.append(watcher.run()))
    thread.start()
    try:
        yield watcher, ended
    finally:
        watcher.stop()
        thread.join(timeout=30)
        assert not thread.is_alive()


def test_a_run_hands_over_to_the_next_and_no_line_counts_twice(empty: Engine, tmp_path: Path) -> None:
    """The earlier run ends when the later one follows; lines before, during and after count once."""
    path, dispatched = tmp_path / "app.log", list[Trigger]()

    def dispatch(trigger: Trigger) -> Result:
        dispatched.append(trigger)
        return HEALTHY

    desk = Desk(engine=empty, path=path)
    desk.write(*numbered(0, 100))
    with running(empty, path, dispatch) as (_, first):
        until("the first reads", lambda: desk.hits().get("uncaught") == 100)
        with running(empty, path, dispatch) as (_, second):
            for start in range(100, 300, 10):
                desk.write(*numbered(start, start + 10))
            until("the first ends", lambda: bool(first))
            desk.write("FATAL at the end")
            until("the second heals", lambda: bool(dispatched))
        assert (first[0].handed_over, second[0].handed_over) == (True, False)
    assert desk.lines == 301
    assert [one.component for one in dispatched] == ["backend"]


def test_what_a_dead_run_raised_is_dispatched_by_the_next(desk: Desk) -> None:
    """Committed and not dispatched: it is due after a while, and answered it is due no more."""
    desk.write("FATAL once")
    (trigger,) = desk.turn()
    store, pause = Logs(desk.engine), timedelta(minutes=2)
    assert store.due(limit=5, pause=pause) == []
    with desk.engine.begin() as connection:
        connection.execute(text("UPDATE log_triggers SET next_try_at = now()"))
    assert [one.id for one in store.due(limit=5, pause=pause)] == [trigger.id]
    assert store.due(limit=5, pause=pause) == []

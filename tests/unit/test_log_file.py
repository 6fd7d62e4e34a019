"""A log that is a file is read on through whatever becomes of it: each line once, and what is lost is known."""

import gzip
import itertools
import json
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from selfheal.clients import log_siblings
from selfheal.clients.log_file import LogFile
from selfheal.model.errors import NotAllowed
from selfheal.ports.logs import LogPiece


class Follower:
    """Reads one log turn by turn, and keeps its lines."""

    def __init__(self, path: Path, *, from_start: bool = True, quiet_s: float = 60.0) -> None:
        self.path, self._from_start, self._quiet_s = path, from_start, quiet_s
        self.lines: list[str] = []
        self.gaps: list[str] = []
        self.position: Any = None
        self.restart()

    def restart(self) -> None:
        """Another process, which knows only the position."""
        self.reader = LogFile(self.path, from_start=self._from_start, quiet_s=self._quiet_s)
        self.reader.resume(self.position)

    def write(self, *lines: str, to: str = "", at: float | None = None) -> None:
        """Append lines; `at`: the file was written to last at this time."""
        path = self.path.with_name(to) if to else self.path
        with path.open("a") as log:
            log.write("".join(f"{line}\n" for line in lines))
        if at is not None:
            os.utime(path, (at, at))

    def turn(self) -> list[str]:
        """Read on, and keep the position; the lines that came."""
        come = [line for piece in self.reader.pieces() for line in _lines(piece)]
        self.lines += come
        self.gaps += [one.kind for one in self.reader.take_gaps()]
        self.position = json.loads(json.dumps(self.reader.position()))
        return come

    def rotate(self, name: str, *, copy: bool = False) -> None:
        """As logrotate does: renamed, or copied and emptied."""
        if copy:
            shutil.copy(self.path, self.path.with_name(name))
            os.truncate(self.path, 0)
        else:
            self.path.rename(self.path.with_name(name))


def _lines(piece: LogPiece) -> list[str]:
    return bytes(piece.data[: piece.end]).decode().splitlines()


@pytest.fixture
def log(tmp_path: Path) -> Follower:
    return Follower(tmp_path / "app.log")


def numbered(first: int, last: int) -> list[str]:
    return [f"line {number:06d} of the log" for number in range(first, last)]


def pack(path: Path, *, keep: bool = False) -> None:
    """As gzip does: the time of the last write stays."""
    with path.open("rb") as plain, gzip.open(f"{path}.gz", "wb") as into:
        shutil.copyfileobj(plain, into)
    shutil.copystat(path, f"{path}.gz")
    if not keep:
        path.unlink()


both = pytest.mark.parametrize("restarted", [False, True])


@both
def test_another_log_beside_it_is_none_of_its_parts(log: Follower, *, restarted: bool) -> None:
    """`app-error.log` is not an earlier `app.log`, however new it is."""
    log.write(*numbered(0, 10))
    log.turn()
    for name in ("app-error.log", "app.err", "app-worker-2.log", "app-2.log", "app.log.lock", "app.log.bak"):
        log.write("of another", to=name)
    log.rotate("app.log.1")
    log.write(*numbered(10, 20))
    if restarted:
        log.restart()
    log.turn()
    assert (log.lines, log.gaps) == (numbered(0, 20), [])


@pytest.mark.parametrize(
    "name",
    [
        "app.log.1",
        "app.log.old",
        "app.log-20261129",
        "app.log.2026-11-29",
        "app-20261129.log",
        "app-2026-11-29T10-00-00.000.log",
        "app.1.log",
    ],
)
def test_what_was_rotated_while_nobody_looked_is_known_by_its_name(log: Follower, name: str) -> None:
    """A number or a time stands behind the log's name, or within it."""
    log.write(*numbered(0, 10))
    log.turn()
    log.rotate("app.log.9")
    log.write(*numbered(10, 20))
    log.rotate(name)
    log.write(*numbered(20, 30))
    log.turn()
    assert (log.lines, log.gaps) == (numbered(0, 30), [])


@both
@pytest.mark.parametrize(
    "twice",
    [
        pytest.param(lambda part: pack(part, keep=True), id="being-packed"),
        pytest.param(lambda part: os.link(part, part.with_name("app.log.0")), id="hard-link"),
    ],
)
def test_a_part_that_is_there_twice_is_read_once(
    log: Follower, twice: Callable[[Path], object], *, restarted: bool
) -> None:
    """While gzip works both are there, and the packed one may lack its end; hard links are one file."""
    log.write(*numbered(0, 10))
    log.turn()
    log.rotate("app.log.2")
    log.write(*numbered(10, 20))
    log.rotate("app.log.1")
    twice(log.path.with_name("app.log.1"))
    log.write(*numbered(20, 30))
    if restarted:
        log.restart()
    log.turn()
    assert (log.lines, log.gaps) == (numbered(0, 30), [])


def test_what_was_written_and_packed_unread_is_read_once(log: Follower) -> None:
    """The file that was seen empty is still open, and what it was packed into lies beside it."""
    log.write()
    log.turn()
    log.write(*numbered(0, 10))
    log.rotate("app.log.1")
    pack(log.path.with_name("app.log.1"))
    log.write(*numbered(10, 20))
    log.turn()
    assert (log.lines, log.gaps) == (numbered(0, 20), [])


@both
@pytest.mark.parametrize("first", [0, 10])
def test_copied_and_emptied_twice_between_looks(log: Follower, first: int, *, restarted: bool) -> None:
    """Both copies are read, also where the file is as long as before, or nothing of it was read at all."""
    log.write(*numbered(0, first))
    log.turn()
    log.write(*numbered(first, 20))
    log.rotate("app.log.2", copy=True)
    log.write(*numbered(20, 30))
    log.rotate("app.log.1", copy=True)
    log.write(*numbered(30, 30 + first))
    if restarted:
        log.restart()
    log.turn()
    assert (sorted(log.lines), log.gaps) == (numbered(0, 30 + first), [])


@both
def test_a_log_that_comes_and_is_rotated_before_it_is_seen(log: Follower, *, restarted: bool) -> None:
    """Where there was none at the last look all its parts are new; what lay there before is history."""
    log.write("history", to="app.log.9", at=time.time() - 60)
    log.turn()
    log.write(*numbered(0, 10))
    log.rotate("app.log.1")
    log.write(*numbered(10, 20))
    if restarted:
        log.restart()
    log.turn()
    assert (log.lines, log.gaps) == (numbered(0, 20), [])


def test_a_copy_that_was_read_is_not_read_again(log: Follower) -> None:
    """The log of a quiet day: copied, emptied and packed within one tick of the clock, and written on the next day."""
    log.write()
    log.turn()
    log.write(*numbered(0, 10))
    log.rotate("app.log.1", copy=True)
    log.turn()
    pack(log.path.with_name("app.log.1"))
    at = log.path.stat().st_mtime
    os.utime(log.path.with_name("app.log.1.gz"), (at, at))
    log.turn()
    log.write("next")
    log.turn()
    assert (log.lines, log.gaps) == ([*numbered(0, 10), "next"], [])


@pytest.mark.parametrize("grown", [0, 2])
def test_emptied_between_reading_and_the_commit(log: Follower, grown: int) -> None:
    """The position tells what was read, not what stands there by the time it is asked for."""
    log.write(*numbered(0, 10))
    log.turn()
    log.write(*numbered(10, 12))
    assert [line for piece in log.reader.pieces() for line in _lines(piece)] == numbered(10, 12)
    os.truncate(log.path, 0)
    log.write(*numbered(12, 12 + grown))
    log.reader.position()
    log.write(*numbered(12 + grown, 50))
    log.turn()
    assert (log.lines[10:], log.gaps) == (numbered(12, 50), ["TRUNCATED"])


def test_a_late_writer_hides_no_part(log: Follower) -> None:
    """What a program writes on into a renamed file makes no part look older than that one."""
    now = time.time()
    log.write(*numbered(0, 10), at=now - 50)
    log.turn()
    log.rotate("app.log.2")
    log.write(*numbered(10, 20), at=now - 20)
    log.rotate("app.log.1")
    log.write("late", to="app.log.2", at=now - 10)
    log.write(*numbered(20, 30))
    log.turn()
    assert sorted(log.lines) == ["late", *numbered(0, 30)]


def test_parts_behind_one_that_is_gone_are_read(log: Follower) -> None:
    """The known one was deleted while we were away: a gap, and the one after it is read all the same."""
    log.write(*numbered(0, 10))
    log.turn()
    log.path.unlink()
    log.write(*numbered(10, 20))
    log.rotate("app.log.1")
    log.write(*numbered(20, 30))
    log.restart()
    log.turn()
    assert (log.lines, log.gaps) == (numbered(0, 30), ["REPLACED"])


def test_a_deleted_file_that_is_still_open_is_read_to_its_end(log: Follower) -> None:
    """After a turn that failed, as while the database is away, it is found among what is open."""
    log.write(*numbered(0, 10))
    log.turn()
    log.write(*numbered(10, 20))
    for _ in range(2):
        log.reader.resume(log.position)
    log.rotate("app.log.1")
    log.path.with_name("app.log.1").unlink()
    log.write(*numbered(20, 30))
    log.turn()
    assert (log.lines, log.gaps) == (numbered(0, 30), [])


def test_a_device_may_have_another_number(log: Follower) -> None:
    """After a restart of the machine the inode and what was read tell the file."""
    log.write(*numbered(0, 10))
    log.turn()
    for one in log.position["files"]:
        one["device"] += 1
    log.write(*numbered(10, 20))
    log.restart()
    log.turn()
    assert (log.lines, log.gaps) == (numbered(0, 20), [])


@pytest.mark.parametrize("quiet_s", [60.0, -1.0])
def test_a_link_that_goes_elsewhere_and_back(tmp_path: Path, quiet_s: float) -> None:
    """Nothing is read twice, be the first file still followed or read to its end."""
    log = Follower(tmp_path / "app.log", quiet_s=quiet_s)
    for number, name in enumerate(("a", "b", "a", "b")):
        log.path.unlink(missing_ok=True)
        log.write(f"line {number}", to=name)
        log.path.symlink_to(tmp_path / name)
        for _ in range(3):
            log.turn()
    assert log.lines == ["line 0", "line 1", "line 2", "line 3"]


def test_parts_beside_what_the_name_is_a_link_to(log: Follower) -> None:
    """As the logs of pods are: the name stands in one folder, the file and its parts in another."""
    pod = log.path.with_name("pod")
    pod.mkdir()
    log.path.symlink_to(pod / "0.log")
    log.write(*numbered(0, 10))
    log.turn()
    for number, name in ((10, "0.log.20261129-100000"), (20, "0.log.20261129-100001")):
        (pod / "0.log").rename(pod / name)
        log.write(*numbered(number, number + 10))
    log.restart()
    log.turn()
    assert (log.lines, log.gaps) == (numbered(0, 30), [])


@pytest.mark.parametrize("kind", ["folder", "pipe", "device"])
def test_what_is_no_file_in_its_place_is_told(log: Follower, kind: str) -> None:
    """A person must do something; what came before is read afterwards."""
    log.write("one")
    log.turn()
    log.write("two")
    log.rotate("app.log.1")
    make = {"folder": log.path.mkdir, "pipe": lambda: os.mkfifo(log.path)}
    make.get(kind, lambda: log.path.symlink_to("/dev/zero"))()
    for _ in range(2):
        with pytest.raises(NotAllowed, match="is no regular file"):
            log.turn()
        log.reader.resume(log.position)
    log.rotate("aside")
    log.write("three")
    log.turn()
    assert (log.lines, log.gaps) == (["one", "two", "three"], [])


def test_a_broken_packed_part_is_a_gap(log: Follower) -> None:
    """What is whole of it is read, half a line is none, and the rest is known to be lost."""
    log.write(*numbered(0, 10))
    log.turn()
    log.rotate("app.log.2")
    log.write(*numbered(10, 90_000))
    log.rotate("app.log.1")
    packed = log.path.with_name("app.log.1.gz")
    pack(log.path.with_name("app.log.1"))
    os.truncate(packed, packed.stat().st_size // 2)
    log.write("end")
    log.turn()
    assert log.lines[:-1] == numbered(0, len(log.lines) - 1)
    assert (log.lines[-1], log.gaps) == ("end", ["TRUNCATED"])


@pytest.mark.timeout(30)
def test_a_hole_takes_no_time(log: Follower) -> None:
    """Nothing but a hole is waited at; one in the middle is read in pieces, between which others have their turn."""
    log.write()
    os.truncate(log.path, 1 << 40)
    assert log.turn() == []
    os.truncate(log.path, 0)
    log.write("one")
    log.turn()
    os.truncate(log.path, 1 << 40)
    pieces = list(itertools.islice(log.reader.pieces(), 3))
    assert [(one.open, one.end > 0) for one in pieces] == [(True, True), (False, False), (False, False)]


def test_files_that_are_renamed_while_they_are_listed(log: Follower, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list is made anew: none of them is overlooked."""
    log.write(*numbered(0, 10))
    log.turn()
    log.rotate("app.log.2")
    log.write(*numbered(10, 20))
    log.rotate("app.log.1")
    log.write(*numbered(20, 30))
    access, shifted = os.access, list[Path]()

    def shift(path: Path, mode: int) -> bool:
        if not shifted:
            for number in (2, 1):
                shifted.append(
                    log.path.with_name(f"app.log.{number}").rename(log.path.with_name(f"app.log.{number + 1}"))
                )
        return access(path, mode)

    monkeypatch.setattr(log_siblings.os, "access", shift)
    log.turn()
    assert (log.lines, log.gaps, len(shifted)) == (numbered(0, 30), [], 2)


STEPS = st.lists(
    st.sampled_from(["write", "write", "much", "rename", "rename and make", "copy", "pack", "look", "look", "restart"]),
    max_size=20,
)


@settings(max_examples=50, deadline=None)
@given(STEPS)
@example(["write", "rename and make", "pack", "look", "write", "rename and make", "look"])
@example(["much", "copy", "pack", "look", "copy", "write"])
@example(["look", "write", "copy", "write", "rename", "write"])
def test_each_line_is_read_once_whatever_happens_between_looks(steps: list[str]) -> None:
    """Rotated as logrotate does it, in the same tick of the clock, packed, restarted: none twice, none lost unknown."""
    with tempfile.TemporaryDirectory() as folder:
        log, written = Follower(Path(folder) / "app.log"), 0
        log.write()
        log.turn()
        for step in steps:
            if step in {"write", "much"}:
                more = 2 if step == "write" else 200
                log.write(*numbered(written, written + more))
                written += more
            elif step == "look":
                log.turn()
            elif step == "restart":
                log.restart()
            else:
                _turned(log.path.parent, step, log)
        log.write()
        log.turn()
        log.turn()
        found = Counter(log.lines)
        assert max(found.values(), default=1) == 1
        assert log.gaps or found.keys() == set(numbered(0, written))


def _turned(folder: Path, step: str, log: Follower) -> None:
    """One step of a rotation."""
    parts = sorted((one for one in folder.iterdir() if one != log.path), key=lambda one: -int(one.name.split(".")[2]))
    plain = [one for one in parts if one.suffix != ".gz"]
    if step == "pack" and plain:
        pack(plain[-1])
    elif step != "pack" and log.path.exists():
        for one in parts:
            number = int(one.name.split(".")[2])
            one.rename(one.with_name(one.name.replace(f".{number}", f".{number + 1}", 1)))
        log.rotate("app.log.1", copy=step == "copy")
        if step == "rename and make":
            log.write()

"""The request file under a crowd, and under kill -9: no change is lost, and each row tells the truth."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from file_crowd import LIFE, Part, crowd, killed
from request_files import HEAD, WIPED, entry
from sqlalchemy import Engine, text

from selfheal.clients.clock import SystemClock
from selfheal.clients.request_file import RequestFile
from selfheal.model.file_change import ChangeState
from selfheal.model.request import RequestStatus
from selfheal.protocol.failpoint import FILE_NAMES
from selfheal.store.file_changes import FileChangeRows

pytestmark = pytest.mark.timeout(2400)


@dataclass(frozen=True)
class Size:
    """How many processes, with how many threads and entries each, and how often each of these; and of the others."""

    writers: int
    threads: int
    changes: int
    others: int = 0
    turns: int = 0


@pytest.fixture
def size(request: pytest.FixtureRequest) -> Size:
    """1,000 writes and 1,000 reads at the same time with `--campaign`, else a few."""
    if request.config.getoption("--campaign"):
        return Size(writers=10, threads=10, changes=10, others=5, turns=200)
    return Size(writers=4, threads=4, changes=2, others=2, turns=8)


def opened(path: Path, engine: Engine) -> RequestFile:
    return RequestFile(path, backups=None, keep=5000, changes=FileChangeRows(engine), clock=SystemClock())


def written(path: Path, size: Size) -> None:
    """A file with an entry for each write, and some more."""
    names = [f"REQ-W{part}-{turn}" for part in range(size.writers) for turn in range(size.threads)]
    text = "".join(entry(number, name=name, lines=2) for number, name in enumerate([*names, "REQ-QUIET-1"]))
    path.write_text(HEAD + text)


def test_no_writer_of_ours_loses_a_change(empty: Engine, database_url: str, tmp_path: Path, size: Size) -> None:
    """Processes and threads, each with its own entries: every status is there, every row is done, every look whole."""
    path = tmp_path / "OWNER_REQUESTS.md"
    written(path, size)
    before = path.read_bytes()
    parts: list[Part] = [("writer", number, size.changes) for number in range(size.writers)]
    parts += [("reader", number, size.turns) for number in range(size.others)]

    told = crowd(path, database_url, parts, threads=size.threads)

    assert {one["code"] for one in told.values()} == {0}
    count, last = size.writers * size.threads, LIFE[size.changes].encode()
    assert path.read_bytes() == before.replace(b": NEW\n", b": " + last + b"\n", count)
    with empty.connect() as connection:
        rows = connection.execute(
            text("SELECT state, count(*), count(DISTINCT req_number) FROM file_changes GROUP BY 1")
        ).all()
    assert [tuple(row) for row in rows] == [("DONE", count * size.changes, count)]
    assert {tuple(saw) for one in told.values() for saw in one.get("saw", [])} == {(count + 1, 0, "")}
    assert opened(path, empty).read().entry("REQ-QUIET-1").status == "NEW"  # type: ignore[union-attr]


def test_nobody_elses_change_is_lost_through_us(empty: Engine, database_url: str, tmp_path: Path, size: Size) -> None:
    """Agents append, rewrite in place and replace the file while we write it: all that they wrote is there.

    What they take back of ours is theirs: it is only there where one of them wrote what it had read before.
    """
    path = tmp_path / "OWNER_REQUESTS.md"
    written(path, size)
    parts: list[Part] = [("writer", number, size.changes) for number in range(size.writers)]
    parts += [(kind, n, size.turns) for kind in ("appends", "rewrites", "replaces") for n in range(size.others)]
    parts += [("reader", number, size.turns) for number in range(size.others)]

    told = crowd(path, database_url, parts, threads=size.threads)

    assert {one["code"] for one in told.values()} == {0}, told
    end = path.read_text()
    marks = [mark for one in told.values() for mark in one.get("marks", [])]
    rows = FileChangeRows(empty).newest(limit=100_000)
    only_in_copies = [mark for mark in marks if mark not in end]
    if only_in_copies:  # two others at the same moment: kept, and said
        assert any("in no other place" in one.note for one in rows)
        copies = "".join(one.read_text() for one in tmp_path.glob(".*/*.md"))
        assert all(mark in copies for mark in only_in_copies)
    reading = opened(path, empty).read()
    assert len(reading.entries) == size.writers * size.threads + 1
    assert (reading.duplicates, reading.conflicts) == ({}, {})
    statuses = Counter(one.status for one in reading.entries)
    assert set(statuses) <= set(LIFE)
    assert {one.state for one in rows} <= {ChangeState.DONE, ChangeState.NOT_DONE}
    done = {one.req_number for one in rows if one.state is ChangeState.DONE}
    assert len(done) == size.writers * size.threads
    assert not list(tmp_path.glob(".*.selfheal"))


RESTORES = tuple(f"{place}.{what}" for what in ("gone", "wiped") for place in FILE_NAMES if "sure" not in place)


def test_a_writer_killed_anywhere_loses_nothing(empty: Engine, database_url: str, tmp_path: Path) -> None:
    """Kill -9 between any two steps: the file is the old or the new one, the row tells which, nothing is left beside.

    The same where the file is put back, in place of a wiped one or of none.
    """
    size = Size(writers=1, threads=3, changes=1)
    ends: dict[str, tuple[bytes, bytes]] = {}
    for place in (*FILE_NAMES, *RESTORES):
        folder = tmp_path / place
        folder.mkdir()
        path = folder / "OWNER_REQUESTS.md"
        written(path, size)
        old = path.read_bytes()
        ends[place] = old, old.replace(b": NEW\n", b": IN_PROGRESS\n", 1)
        if "." in place:
            good = opened(path, empty).read().sha256
            path.write_bytes(WIPED)
            found = opened(path, empty).read().sha256 if place.endswith("wiped") else ""
            if not found:
                path.unlink()
            (folder / "lost").write_text(json.dumps({"sha256": good, "instead_of": found}))
            ends[place] = WIPED if found else b"", old

    assert killed(list(ends), tmp_path, database_url) == dict.fromkeys(ends, -9)

    book = FileChangeRows(empty)
    for place, (old, new) in ends.items():
        path = tmp_path / place / "OWNER_REQUESTS.md"
        file = opened(path, empty)
        file.settle()
        now = path.read_bytes() if path.exists() else b""
        assert now in (old, new), place
        assert not list(path.parent.glob(".*.selfheal")), place
        rows = [one for one in book.newest(limit=100) if one.path == str(path)]
        swapped = place.startswith(("after-swap", "before-settlement", "after-settlement"))
        assert (now == new) is swapped, place
        if place.startswith("after-new-file"):
            assert rows == [], place
        else:
            assert [one.state for one in rows] == [ChangeState.DONE if swapped else ChangeState.NOT_DONE], place
        if "." not in place:
            status = file.read().entry("REQ-W0-0").status  # type: ignore[union-attr]
            file.write_status("REQ-W0-0", before=status, after=RequestStatus.BLOCKED, who="w", why="again")
            assert b": BLOCKED\n" in path.read_bytes()


def test_what_somebody_wrote_while_we_died_is_put_back(empty: Engine, database_url: str, tmp_path: Path) -> None:
    """Killed right after the exchange, and what came out was not what we had read: it is the file again."""
    path = tmp_path / "after-swap" / "OWNER_REQUESTS.md"
    path.parent.mkdir()
    written(path, Size(writers=1, threads=1, changes=1))
    assert killed(["after-swap"], tmp_path, database_url) == {"after-swap": -9}
    (beside,) = path.parent.glob(".*.selfheal")
    theirs = beside.read_bytes() + b"\nby an agent, at the last moment\n"
    beside.write_bytes(theirs)
    (settled,) = opened(path, empty).settle()
    assert (settled.state, path.read_bytes()) == (ChangeState.NOT_DONE, theirs)
    assert "was put back" in settled.note
    assert not list(path.parent.glob(".*.selfheal"))


def test_a_row_is_settled_once(empty: Engine, tmp_path: Path) -> None:
    """What was said of a change stays; the database refuses another word."""
    path = tmp_path / "OWNER_REQUESTS.md"
    written(path, Size(writers=1, threads=1, changes=1))
    opened(path, empty).write_status("REQ-W0-0", before="NEW", after=RequestStatus.BLOCKED, who="w", why="y")
    book = FileChangeRows(empty)
    (row,) = book.newest(limit=9)
    book.settle(row.id, ChangeState.UNKNOWN, note="no")
    assert book.newest(limit=9) == [row]
    with empty.begin() as connection:
        assert connection.execute(text("UPDATE file_changes SET state = 'NOT_DONE', note = 'x'")).rowcount == 0
    (told,) = book.written().values()
    assert (told.req_number, told.before, told.after) == ("REQ-W0-0", "NEW", "BLOCKED")
    assert book.unsettled(str(path)) == []

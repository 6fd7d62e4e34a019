"""The client of the request file on a real file system: exact, careful of others, and nothing is ever lost."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from request_files import WIPED, Book, entry, req_id, request_file

from selfheal.clients import file_lease, file_swap
from selfheal.clients.clock import SystemClock
from selfheal.clients.file_copies import Copies
from selfheal.clients.request_file import RequestFile
from selfheal.model.errors import NotAllowed, Permanent, TargetChanged, Transient
from selfheal.model.file_change import ChangeKind, ChangeState, FileState
from selfheal.model.request import RequestStatus, StatusChange

FIRST = req_id(0)


@dataclass
class Kept:
    """A request file of 20 entries, and what looks after it."""

    path: Path
    book: Book = field(default_factory=Book)
    keep: int = 50
    file: RequestFile = field(init=False)

    def __post_init__(self) -> None:
        self.path.write_bytes(request_file(20))
        self.file = self.anew()

    def anew(self) -> RequestFile:
        """Another process, which knows nothing yet."""
        return RequestFile(self.path, backups=None, keep=self.keep, changes=self.book, clock=SystemClock())

    def write(self, name: str = FIRST, *, before: str = "NEW", after: str = "IN_PROGRESS") -> StatusChange:
        return self.file.write_status(name, before=before, after=RequestStatus(after), who="a test", why="to see")

    def status(self, name: str = FIRST) -> str:
        found = self.anew().read().entry(name)
        assert found is not None
        return found.status

    @property
    def states(self) -> list[str]:
        return [one.state.value for one in self.book.rows.values()]

    @property
    def beside(self) -> list[str]:
        """What lies beside the file."""
        return sorted(one.name for one in self.path.parent.iterdir() if one.name != self.path.name)


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path / "OWNER_REQUESTS.md")


def test_a_status_is_written_and_nothing_else(kept: Kept) -> None:
    """One word; rights, owner, the copy of before and a row that tells the truth; nothing is left beside the file."""
    kept.path.chmod(0o640)
    before, owner = kept.path.read_bytes(), kept.path.stat()
    change = kept.write()
    assert kept.path.read_bytes() == before.replace(b": NEW\n", b": IN_PROGRESS\n", 1)
    now = kept.path.stat()
    assert (now.st_mode, now.st_uid, now.st_gid) == (owner.st_mode, owner.st_uid, owner.st_gid)
    assert Path(change.backup).read_bytes() == before
    (row,) = kept.book.rows.values()
    assert (row.kind, row.state, row.req_number, row.line) == (ChangeKind.STATUS, ChangeState.DONE, FIRST, change.line)
    assert (row.before, row.after, row.who, row.why) == ("NEW", "IN_PROGRESS", "a test", "to see")
    assert (row.sha256_after, row.size_before) == (kept.file.read().sha256, len(before))
    assert kept.beside == [".OWNER_REQUESTS.md.copies"]


def test_what_is_said_already_is_not_written(kept: Kept) -> None:
    """No write, no row."""
    before = kept.path.stat()
    kept.write(before="NEW", after="NEW")
    assert (kept.path.stat().st_ino, kept.states) == (before.st_ino, [])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not in the request file"),
        ("### REQ-X-1: a\n**Status**: BLOCKED\n", "says BLOCKED, no longer NEW"),
        ("### REQ-X-1: a\n**Status**: NEW\n### REQ-X-1: b\n**Status**: NEW\n", "stands there 2 times"),
        ("### REQ-X-1: a\n**Status**: NEW\n**Status**: NEW\n", "no one Status line that is certain"),
        ("### REQ-X-1: a\nStatus: NEW\n", "no one Status line that is certain"),
        ("### REQ-X-1: a\n**Status: NEW\n", "no one Status line that is certain"),
    ],
)
def test_what_is_not_certain_is_not_written(kept: Kept, text: str, said: str) -> None:
    """The file stays as it is, and no row is made."""
    with kept.path.open("a") as file:
        file.write(text)
    before = kept.path.read_bytes()
    with pytest.raises(TargetChanged, match=said):
        kept.write("REQ-X-1")
    assert (kept.path.read_bytes(), kept.states, kept.beside) == (before, [], [".OWNER_REQUESTS.md.copies"])


@pytest.mark.parametrize("wiped", [WIPED, b"", request_file(9), request_file(1)], ids=["19 lines", "empty", "9", "1"])
def test_a_file_that_shrank_is_not_written(kept: Kept, wiped: bytes) -> None:
    """Noticed with the next look, by another process too, and until it is whole again; the hint says what to do."""
    kept.file.read()
    kept.path.write_bytes(wiped)
    assert "has shrunk from 20 entries" in kept.anew().read().shrunk
    with pytest.raises(NotAllowed, match="selfheal workflows accept"):
        kept.write()
    assert (kept.path.read_bytes(), kept.states) == (wiped, [])
    kept.path.write_bytes(request_file(20))
    assert kept.file.read().shrunk == ""
    kept.write()


def test_a_file_may_grow_and_lose_a_little(kept: Kept) -> None:
    """What people do every day: a request more, two less, one of two."""
    for count in (20, 21, 15, 8, 5):
        kept.path.write_bytes(request_file(count))
        assert kept.file.read().shrunk == "", count
    kept.path.write_bytes(request_file(2, lines=1))
    assert "from 5 entries" in kept.file.read().shrunk


def test_what_was_wiped_is_put_back(kept: Kept) -> None:
    """The last good copy, statuses and all; the wiped one is kept too, and can be put back in turn."""
    kept.write()
    good, mode = kept.path.read_bytes(), kept.path.stat().st_mode
    kept.path.write_bytes(WIPED + b"\n" + entry(30, name="REQ-LATE-1").encode())
    found = kept.anew().standing()
    assert (found.state, found.entries, len(found.lost), found.gained) == (FileState.SHRUNKEN, 1, 20, ("REQ-LATE-1",))
    assert found.last_good is not None
    change = kept.file.put_back(found.last_good.sha256, instead_of=found.sha256, who="p", why="w")
    assert (kept.path.read_bytes(), kept.path.stat().st_mode) == (good, mode)
    assert Path(change.backup).read_bytes().startswith(WIPED)
    assert (kept.file.standing().state, kept.file.read().shrunk) == (FileState.PRESENT, "")
    kept.file.put_back(found.sha256, instead_of=found.last_good.sha256, who="p", why="w")
    assert kept.path.read_bytes().startswith(WIPED)
    assert kept.states == ["DONE"] * 3


def test_a_file_that_is_gone_is_put_back(kept: Kept) -> None:
    """With its rights; one that came back meanwhile is left alone."""
    kept.path.chmod(0o640)
    last = [kept.file.standing(), kept.file.standing()][1].last_good
    assert last is not None
    kept.path.unlink()
    assert kept.file.standing().state is FileState.MISSING
    assert len(kept.file.standing().lost) == 20
    with pytest.raises(Transient, match="is not there"):
        kept.write()
    with pytest.raises(Transient, match="cannot be read: No such file"):
        kept.file.read()
    kept.file.put_back(last.sha256, instead_of="", who="p", why="w")
    assert (kept.path.read_bytes(), kept.path.stat().st_mode & 0o777) == (request_file(20), 0o640)
    with pytest.raises(TargetChanged, match="another file by now"):
        kept.file.put_back(last.sha256, instead_of="", who="p", why="w")
    assert kept.beside == [".OWNER_REQUESTS.md.copies"]


def test_a_damaged_copy_is_not_put_back(kept: Kept) -> None:
    """Whoever wrote into the copies: what is not what it was is no copy."""
    last = [kept.file.standing(), kept.file.standing()][1].last_good
    assert last is not None
    kept.path.write_bytes(WIPED)
    found = kept.file.standing()
    (copy,) = kept.path.parent.glob(".*.copies/*.md")
    copy.write_bytes(b"nonsense")
    with pytest.raises(Permanent, match="is damaged"):
        kept.file.put_back(last.sha256, instead_of=found.sha256, who="p", why="w")
    copy.unlink()
    with pytest.raises(Permanent, match="no copy"):
        kept.file.put_back(last.sha256, instead_of=found.sha256, who="p", why="w")
    assert kept.path.read_bytes() == WIPED


def test_a_person_says_that_it_is_meant(kept: Kept) -> None:
    """From then on it is whole, for every process; what they did not see they have not accepted."""
    kept.file.read()
    kept.path.write_bytes(request_file(2))
    found = kept.file.standing()
    with pytest.raises(TargetChanged, match="another file by now"):
        kept.file.accept(sha256="0" * 64, who="ada", why="archived")
    change = kept.file.accept(sha256=found.sha256, who="ada", why="archived")
    assert change is not None
    assert (change.kind, change.state, change.who, change.why) == (
        ChangeKind.ACCEPT,
        ChangeState.DONE,
        "ada",
        "archived",
    )
    assert kept.anew().standing().state is FileState.PRESENT
    assert kept.file.accept(sha256=found.sha256, who="ada", why="again") is None
    kept.write()


def test_nobody_can_tell_without_what_it_was(kept: Kept) -> None:
    """A damaged note: nothing is believed and nothing written, until a person says that it is whole."""
    kept.file.read()
    (kept.path.parent / ".OWNER_REQUESTS.md.copies" / "last-good.json").write_text("{")
    assert "cannot be told" in kept.anew().read().shrunk
    with pytest.raises(Permanent, match="cannot be told"):
        kept.file.standing()
    with pytest.raises(NotAllowed, match="cannot be told"):
        kept.write()
    assert kept.file.accept(sha256=kept.file.read().sha256, who="ada", why="it is") is not None
    kept.write()


def test_a_symbolic_link_stays_one(kept: Kept, tmp_path: Path) -> None:
    """What it leads to is replaced; where it leads elsewhere later, it is followed there."""
    other, link = tmp_path / "elsewhere", tmp_path / "link.md"
    other.mkdir()
    link.symlink_to(kept.path)
    file = RequestFile(link, backups=tmp_path / "copies", keep=9, changes=kept.book, clock=SystemClock())
    file.write_status(FIRST, before="NEW", after=RequestStatus.BLOCKED, who="a", why="b")
    assert (link.is_symlink(), kept.status()) == (True, "BLOCKED")
    (other / "new.md").write_bytes(request_file(20))
    link.unlink()
    link.symlink_to(other / "new.md")
    file.write_status(FIRST, before="NEW", after=RequestStatus.FAILED, who="a", why="b")
    assert (kept.status(), b"FAILED" in (other / "new.md").read_bytes()) == ("BLOCKED", True)


@pytest.mark.parametrize("what", ["folder", "pipe", "nothing"])
def test_what_is_no_file_is_told(kept: Kept, what: str) -> None:
    """A folder or a pipe in its place is neither read nor waited for."""
    kept.file.read()
    kept.path.unlink()
    if what == "folder":
        kept.path.mkdir()
    elif what == "pipe":
        os.mkfifo(kept.path)
    with pytest.raises(Transient, match=r"no regular file|cannot be read"):
        kept.file.read()
    assert kept.file.standing().state is (FileState.MISSING if what == "nothing" else FileState.UNREADABLE)


def test_copies_are_pruned(tmp_path: Path) -> None:
    """The newest stay, and of each of the last 30 days the newest; the last good one whatever its age."""
    kept = Kept(tmp_path / "OWNER_REQUESTS.md", keep=3)
    for number in range(12):
        kept.write(before=kept.status(), after=["BLOCKED", "FAILED"][number % 2] if number else "IN_PROGRESS")
        kept.path.write_bytes(kept.path.read_bytes() + b"\n")
    folder = tmp_path / ".OWNER_REQUESTS.md.copies"
    assert len(list(folder.glob("*.md"))) == 3
    copies = Copies(folder, keep=1, clock=SystemClock())
    days = 86400
    for number, age in enumerate([1 * days, 1 * days + 5, 2 * days, 29 * days, 40 * days, 50 * days]):
        old = folder / f"20250101T00000{number}.000000Z-{number:016x}.md"
        old.write_bytes(b"x")
        os.utime(old, (old.stat().st_mtime - age,) * 2)
    (folder / ".left.new").write_bytes(b"by a killed process")
    copies.prune()
    stays = {one.name[14:16] for one in folder.glob("20250101*")}
    assert {"0.", "2.", "3."} <= stays
    assert not {"4.", "5."} & stays
    assert not (folder / ".left.new").exists()
    last = copies.last_good()
    assert last is not None
    copies.content(last.sha256)


def meanwhile(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object], *, times: int = 1) -> None:
    """Let somebody else act between our last look and the exchange of names."""
    real, left = file_swap.exchange, [times]

    def exchange(one: Path, other: Path) -> bool:
        if left[0] > 0:
            left[0] -= 1
            act()
        return real(one, other)

    monkeypatch.setattr(file_swap, "exchange", exchange)


def replaced(path: Path, text: bytes) -> None:
    """As agents write: a new file, renamed over the old one."""
    new = path.with_suffix(".agent")
    new.write_bytes(text)
    new.replace(path)


@pytest.mark.parametrize("times", [1, 3])
def test_a_file_that_is_replaced_at_the_last_moment_is_put_back(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    """Somebody renames a new file over it after we looked: theirs stays, and our change is made on top of it."""
    seen: list[bytes] = []

    def agent() -> None:
        seen.append(b"\nagent %d\n" % len(seen))
        replaced(kept.path, kept.path.read_bytes() + seen[-1])

    meanwhile(monkeypatch, agent, times=times)
    kept.write()
    everywhere = b"".join(one.read_bytes() for one in kept.path.parent.rglob("*.md"))
    assert all(one in everywhere for one in seen)
    assert seen[-1] in kept.path.read_bytes()
    assert any("in no other place than its copy" in one.note for one in kept.book.rows.values()) == (times > 1)
    assert (kept.status(), kept.states[-1], set(kept.states[:-1])) == ("IN_PROGRESS", "DONE", {"NOT_DONE"})
    assert kept.beside == [".OWNER_REQUESTS.md.copies"]


def test_a_file_that_is_removed_at_the_last_moment_stays_removed(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is put where somebody wants nothing; a person is told."""
    meanwhile(monkeypatch, kept.path.unlink)
    with pytest.raises(Transient):
        kept.write()
    assert (kept.path.exists(), kept.states) == (False, ["NOT_DONE"])


def test_whoever_writes_in_place_is_waited_for(kept: Kept) -> None:
    """While somebody has it open for writing it is not read and not replaced; then their words and ours are there."""
    writer = kept.path.open("r+b")
    writer.truncate(100)

    def rest() -> None:
        writer.seek(0)
        writer.write(request_file(21))
        writer.close()

    later = threading.Timer(0.3, rest)
    later.start()
    kept.write()
    later.join()
    assert kept.path.read_bytes() == request_file(21).replace(b": NEW\n", b": IN_PROGRESS\n", 1)


def test_whoever_comes_to_write_in_place_meanwhile_goes_first(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody opens the old file for writing while ours is already in its place: it is put back for them."""
    real, threads = file_swap._swapped, []

    def append() -> None:
        with kept.path.open("ab") as file:
            file.write(b"\nappended by an agent\n")

    def swapped(*args: object) -> bool:
        if not threads:
            threads.append(threading.Thread(target=append))
            threads[0].start()
            while not file_lease.wanted(args[2]):  # type: ignore[arg-type]
                threads[0].join(0.01)
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(file_swap, "_swapped", swapped)
    kept.write()
    threads[0].join()
    assert b"appended by an agent" in kept.path.read_bytes()
    assert (kept.status(), kept.states) == ("IN_PROGRESS", ["NOT_DONE", "DONE"])


def test_it_works_where_names_cannot_be_exchanged(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without renameat2 the file is replaced after the last look; a test of the way back, not of its gap."""
    monkeypatch.setattr(file_swap, "exchange", lambda one, other: False)  # noqa: ARG005
    kept.write()
    assert (kept.status(), kept.states, kept.beside) == ("IN_PROGRESS", ["DONE"], [".OWNER_REQUESTS.md.copies"])


def test_a_mounted_file_is_told_apart(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is itself a mount point cannot be replaced: it stays, and the hint says what to do."""

    def busy(one: Path, other: Path) -> bool:
        raise OSError(16, "Device or resource busy")

    monkeypatch.setattr(file_swap, "exchange", busy)
    with pytest.raises(Transient, match="mount its folder instead"):
        kept.write()
    assert (kept.status(), kept.states, kept.beside) == ("NEW", ["NOT_DONE"], [".OWNER_REQUESTS.md.copies"])


def test_the_lock_is_waited_for_and_given_up(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process of ours that hangs keeps nobody for ever; reading goes on."""
    monkeypatch.setattr("selfheal.clients.request_file.PATIENCE", timedelta(seconds=0.1))
    with kept.file._copies.alone(patience=timedelta(0)):
        with pytest.raises(Transient, match="another process of ours"):
            kept.write()
        assert len(kept.anew().read().entries) == 20
        assert kept.file.settle() == ()
    kept.write()


FULL = """
import resource, sys
sys.path[:0] = sys.argv[2:]
from pathlib import Path
from test_request_file import Kept
from selfheal.model.errors import Transient
kept = Kept(Path(sys.argv[1]))
kept.file.read()
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
try:
    kept.write()
except Transient as error:
    print(error)
print(kept.states)
"""


def test_a_full_disk_leaves_the_file_whole(tmp_path: Path) -> None:
    """A write that ends in the middle: the old file is there, no row says otherwise, nothing lies around."""
    path = tmp_path / "OWNER_REQUESTS.md"
    code = f"import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n{FULL}"
    told = subprocess.run(
        [sys.executable, "-c", code, str(path), *sys.path], capture_output=True, text=True, check=True
    ).stdout
    assert "cannot be written: File too large" in told or "File too large" in told
    assert told.endswith("[]\n")
    assert path.read_bytes() == request_file(20)
    assert [one.name for one in tmp_path.iterdir() if one.name.endswith(".selfheal")] == []


def test_the_owner_is_kept_or_nothing_is_written(kept: Kept) -> None:
    """Root keeps the owner; who is not root and not the owner must not take the file over."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    os.chown(kept.path, 1234, 1234)
    kept.write()
    assert (kept.path.stat().st_uid, kept.path.stat().st_gid) == (1234, 1234)

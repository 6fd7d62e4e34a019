"""Files, mounts and copies of this machine: real ones."""

import hashlib
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from estate_fixtures import until
from fakes import FakePaths
from request_files import Book

from selfheal.clients import good_copies, host_paths
from selfheal.clients.clock import SystemClock
from selfheal.clients.host_paths import HostPaths
from selfheal.model.check import GoodCopy, PathStanding, PathState
from selfheal.model.errors import Permanent, TargetChanged, Transient
from selfheal.model.file_change import ChangeKind, ChangeState
from selfheal.ports.within import HostPaths as Paths

SOON = timedelta(seconds=10)


class Shelf:
    """A file, the folder of its copies, and the client that looks at both."""

    def __init__(self, folder: Path) -> None:
        self.book = Book()
        self.file, self.folder, self.fstab = folder / "FILE", folder / "copies", folder / "fstab"
        self.fstab.write_text("# nothing\n")
        self.paths = HostPaths(changes=self.book, clock=SystemClock(), fstab=self.fstab)

    def state(self, path: Path | None = None, *, mounted: bool = False) -> PathState:
        return self.paths.standing(str(path or self.file), mounted=mounted, timeout=SOON).state

    def keep(self, text: str) -> None:
        self.file.write_text(text)
        self.paths.keep(str(self.file), str(self.folder), timeout=SOON)

    def put_back(self) -> None:
        copy = self.paths.copy(str(self.file), str(self.folder))
        assert copy is not None
        self.paths.put_back(str(self.file), str(self.folder), sha256=copy.sha256, who="the test", why="it is gone")


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB of its own, which stands in the shelf's table of mounts."""
    point = tmp_path / "a disk"
    point.mkdir()
    written = str(point).replace(" ", "\\040")
    (tmp_path / "fstab").write_text(f"none {written} tmpfs size=64k 0 0\n")
    if not as_root("mount", "-t", "tmpfs", "-o", "size=64k", "none", str(point)):
        pytest.skip("only root may mount, and not in every container")
    yield point
    as_root("umount", "--lazy", str(point))


def as_root(*command: str) -> bool:
    """What an administrator does; whether it was done."""
    return not subprocess.run(command, check=False, capture_output=True).returncode


Arrange = Callable[..., Paths]


@pytest.fixture(params=["fake", "real"])
def arrange(request: pytest.FixtureRequest, shelf: Shelf) -> Arrange:
    """Makes the shelf's file, there or gone, with a good copy or without one; the table of mounts is empty."""

    def arranged(*, there: bool, kept: bool) -> Paths:
        if request.param == "fake":
            words = "" if there else f"{shelf.file} is not there"
            stands = PathStanding(state=PathState.PRESENT if there else PathState.MISSING, detail=words)
            copy = GoodCopy(sha256=hashlib.sha256(b"one").hexdigest(), size=3, words="3 bytes, read at noon")
            return FakePaths(stands, copy=copy if kept else None, unmountable="the table has no line for it")
        if kept:
            shelf.keep("one")
        shelf.file.unlink(missing_ok=True)
        if there:
            shelf.file.write_text("two")
        return shelf.paths

    return arranged


@pytest.mark.parametrize("there", [True, False])
def test_a_look_conforms(arrange: Arrange, shelf: Shelf, *, there: bool) -> None:
    """What is there needs no words; what is gone is told with some."""
    found = arrange(there=there, kept=False).standing(str(shelf.file), mounted=False, timeout=SOON)
    assert (found.state, bool(found.detail)) == ((PathState.PRESENT, False) if there else (PathState.MISSING, True))


def test_a_copy_conforms(arrange: Arrange, shelf: Shelf) -> None:
    """None where none was kept; put back it is there; another one, or where something stands, is refused."""
    path, folder = str(shelf.file), str(shelf.folder)
    said = {"who": "the test", "why": "it is gone"}
    assert arrange(there=False, kept=False).copy(path, folder) is None
    paths = arrange(there=False, kept=True)
    copy = paths.copy(path, folder)
    assert copy is not None
    assert (copy.sha256, copy.size, copy.words[:7]) == (hashlib.sha256(b"one").hexdigest(), 3, "3 bytes")
    with pytest.raises(TargetChanged, match="another copy"):
        paths.put_back(path, folder, sha256="0" * 64, **said)
    paths.put_back(path, folder, sha256=copy.sha256, **said)
    assert paths.standing(path, mounted=False, timeout=SOON).state is PathState.PRESENT
    with pytest.raises(TargetChanged, match="something is at"):
        paths.put_back(path, folder, sha256=copy.sha256, **said)


def test_a_mount_that_no_table_has_conforms(arrange: Arrange, shelf: Shelf) -> None:
    """It is said beforehand, and refused all the same."""
    paths = arrange(there=False, kept=False)
    assert "no line for" in paths.mountable(str(shelf.file))
    with pytest.raises(Permanent, match="was refused"):
        paths.mount(str(shelf.file), timeout=SOON)


def test_there_gone_and_unreadable(shelf: Shelf, tmp_path: Path) -> None:
    """Files and folders alike; a symbolic link counts as what it leads to."""
    assert shelf.state() is PathState.MISSING
    shelf.file.write_text("x")
    assert (shelf.state(), shelf.state(tmp_path)) == (PathState.PRESENT, PathState.PRESENT)
    assert shelf.state(shelf.file / "below") is PathState.MISSING
    link = tmp_path / "link"
    link.symlink_to(shelf.file)
    assert shelf.state(link) is PathState.PRESENT
    shelf.file.unlink()
    assert "symbolic link to nothing" in shelf.paths.standing(str(link), mounted=False, timeout=SOON).detail


def test_a_file_that_is_gone_comes_back_as_it_was(shelf: Shelf) -> None:
    """The newest content with its rights; the change is recorded; nothing is left beside it."""
    shelf.keep("one")
    shelf.file.chmod(0o640)
    shelf.keep("two")
    shelf.file.unlink()
    shelf.put_back()
    assert (shelf.file.read_text(), shelf.file.stat().st_mode & 0o777) == ("two", 0o640)
    (change,) = shelf.book.newest(limit=9)
    assert (change.kind, change.state, change.path) == (ChangeKind.RESTORE, ChangeState.DONE, str(shelf.file))
    assert sorted(one.name for one in shelf.file.parent.iterdir()) == ["FILE", "copies", "fstab"]


def test_what_is_empty_or_no_file_is_no_good_copy(shelf: Shelf) -> None:
    """A file that was wiped does not push the copy of what it was out."""
    shelf.keep("one")
    shelf.keep("")
    shelf.file.unlink()
    other = shelf.file.with_name("other")
    other.write_text("somebody's secret")
    shelf.file.symlink_to(other)
    shelf.paths.keep(str(shelf.file), str(shelf.folder), timeout=SOON)
    shelf.file.unlink()
    shelf.put_back()
    assert shelf.file.read_text() == "one"


def test_a_large_file_is_not_copied(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its copies would fill the disk."""
    monkeypatch.setattr(good_copies, "LARGEST", 3)
    shelf.keep("1234")
    assert shelf.paths.copy(str(shelf.file), str(shelf.folder)) is None


@pytest.mark.parametrize("what", ["file", "link", "folder"])
def test_what_is_there_is_never_replaced(shelf: Shelf, what: str) -> None:
    """Not even a symbolic link to nothing: whoever made it meant something by it."""
    shelf.keep("one")
    shelf.file.unlink()
    if what == "file":
        shelf.file.write_text("new")
    elif what == "link":
        shelf.file.symlink_to("/nowhere")
    else:
        shelf.file.mkdir()
    with pytest.raises(TargetChanged, match="something is at"):
        shelf.put_back()
    assert shelf.book.newest(limit=9) == []


def test_a_damaged_copy_is_not_put_back(shelf: Shelf) -> None:
    """Its hash tells."""
    shelf.keep("one")
    next(shelf.folder.glob("*.md")).write_text("two")
    shelf.file.unlink()
    with pytest.raises(Permanent, match="damaged"):
        shelf.put_back()
    assert not shelf.file.exists()


def test_a_full_disk_leaves_nothing_half(shelf: Shelf, small_disk: Path) -> None:
    """Neither a part of the file nor what was to become it; with room it works."""
    shelf.file = small_disk / "FILE"
    shelf.keep("x" * 30_000)
    shelf.file.unlink()
    (small_disk / "filler").write_bytes(b"y" * 50_000)
    with pytest.raises(Transient, match="No space left"):
        shelf.put_back()
    assert [one.name for one in small_disk.iterdir()] == ["filler"]
    (small_disk / "filler").unlink()
    shelf.put_back()
    assert shelf.file.read_text() == "x" * 30_000


def test_what_a_killed_process_left_is_settled(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """It had put the file back and not said so: the next process says so, and removes what lies beside the file."""
    shelf.keep("one")
    shelf.file.unlink()
    with monkeypatch.context() as killed:
        killed.setattr(shelf.book, "settle", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            shelf.put_back()
    left = [one.name for one in shelf.file.parent.iterdir() if one.name.endswith(".selfheal")]
    assert (len(left), [one.state for one in shelf.book.newest(limit=9)]) == (1, [ChangeState.INTENDED])
    other = HostPaths(changes=shelf.book, clock=SystemClock(), fstab=shelf.fstab)
    other.keep(str(shelf.file), str(shelf.folder), timeout=SOON)
    assert [one.state for one in shelf.book.newest(limit=9)] == [ChangeState.DONE]
    assert sorted(one.name for one in shelf.file.parent.iterdir()) == ["FILE", "copies", "fstab"]
    assert shelf.file.read_text() == "one"


def test_a_mount_of_the_table_is_mounted_again(shelf: Shelf, small_disk: Path) -> None:
    """What the table does not have is not mounted; a name with a space is."""
    assert shelf.state(small_disk, mounted=True) is PathState.PRESENT
    assert as_root("umount", str(small_disk))
    assert shelf.state(small_disk, mounted=True) is PathState.NOT_MOUNTED
    assert shelf.state(small_disk) is PathState.PRESENT
    assert shelf.paths.mountable(str(small_disk)) == ""
    assert "no line for" in shelf.paths.mountable(str(shelf.folder))
    shelf.paths.mount(str(small_disk), timeout=SOON)
    assert shelf.state(small_disk, mounted=True) is PathState.PRESENT
    with pytest.raises(Permanent, match="was refused"):
        shelf.paths.mount(str(shelf.folder), timeout=SOON)


def test_a_look_that_hangs_is_left_alone_and_not_repeated(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a dead file server: it is told in time, and one thread hangs, not one for each look."""
    over, begun, real = threading.Event(), [], host_paths._standing

    def hanging(path: str, *, mounted: bool) -> object:
        begun.append(path)
        over.wait(SOON.total_seconds())
        return real(path, mounted=mounted)

    monkeypatch.setattr(host_paths, "_standing", hanging)
    try:
        for told in ("did not answer within", "earlier look", "earlier look"):
            with pytest.raises(Transient, match=told):
                shelf.paths.standing(str(shelf.file), mounted=False, timeout=timedelta(seconds=0.1))
        assert len(begun) == 1
    finally:
        over.set()
    until("the look is over", lambda: shelf.paths._looks[str(shelf.file)].is_over)
    assert shelf.state() is PathState.MISSING

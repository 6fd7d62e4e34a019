"""What `doctor` says of logs: the same as log-monitor does with them."""

import os
from pathlib import Path

import pytest

from console import doctor_logs
from console.checks import Problem
from console.place import Place
from selfheal.clients.log_file import LogFile
from selfheal.model.errors import SelfhealError


def place(tmp_path: Path, file: Path) -> Place:
    config = tmp_path / f"{file.parent.name}.toml"  # what was read is kept by its name
    config.write_text(
        '[components.app]\nprobe = "http"\nurl = "http://127.0.0.1:1/"\n'
        f'[log_monitor.sources.app]\ncomponent = "app"\nfile = "{file}"\n'
    )
    return Place(config=str(config), data=str(tmp_path))


def followed(file: Path) -> str:
    """What log-monitor's reader does with it: what is wrong, or nothing."""
    reader = LogFile(file, from_start=True)
    try:
        list(reader.pieces())
    except SelfhealError as error:
        return error.message
    finally:
        reader.close()
    return ""


def test_what_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    """A file, or its folder as well, which a program may make at its first start; both are named."""
    (tmp_path / "there").mkdir()
    for file, said in (
        (tmp_path / "there" / "app.log", "1 followed, not there yet: app"),
        (
            tmp_path / "no" / "such" / "app.log",
            f"1 followed, not there yet: app (nor is its folder {tmp_path}/no/such)",
        ),
    ):
        assert doctor_logs.files(place(tmp_path, file)) == said
        assert followed(file) == ""
    file.parent.mkdir(parents=True)
    file.write_text("one\n")
    assert doctor_logs.files(place(tmp_path, file)) == "1 followed"


@pytest.mark.parametrize("what", ["folder", "file as folder"])
def test_what_can_never_be_read_is_a_problem(tmp_path: Path, what: str) -> None:
    """A folder in place of the file, or a file in place of its folder."""
    log = tmp_path / "app.log"
    if what == "folder":
        log.mkdir()
    else:
        log.write_text("")
        log /= "app.log"
    with pytest.raises(Problem, match="is no regular file" if what == "folder" else "is no folder"):
        doctor_logs.files(place(tmp_path, log))
    assert followed(log) != ""


def test_a_folder_that_may_not_be_entered_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named, wherever on the way it stands."""
    closed, real = tmp_path / "closed", os.access
    (closed / "below").mkdir(parents=True)
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != closed and real(path, mode))
    with pytest.raises(Problem, match=f"app: its folder {closed} may not be entered"):
        doctor_logs.files(place(tmp_path, closed / "below" / "app.log"))

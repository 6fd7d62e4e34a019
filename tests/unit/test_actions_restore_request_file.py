"""restore-request-file and its probe: what is asked, what is put back, and what is left alone."""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from fakes import FakeBroker, FakeClock, FakeHttp, always
from request_files import WIPED, Book, entry, request_file

from selfheal.actions.restore_request_file import RestoreRequestFile
from selfheal.clients.clock import SystemClock
from selfheal.clients.request_file import RequestFile
from selfheal.model.component import Component
from selfheal.model.errors import NotAllowed, Permanent, TargetChanged
from selfheal.model.observation import Health, Observation
from selfheal.model.trigger import Priority, TriggerType
from selfheal.policy.catalogue import REQUEST_FILE, file_component
from selfheal.policy.triggers import priority_of, type_of
from selfheal.probes.observe import Observer
from selfheal.probes.table import probe_table
from selfheal.settings.file import parse

COPIES = ".OWNER_REQUESTS.md.copies"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A request file of 20 entries that was read once."""
    path = tmp_path / "OWNER_REQUESTS.md"
    path.write_bytes(request_file(20))
    opened(path).read()
    return path


def opened(path: Path) -> RequestFile:
    return RequestFile(path, backups=None, keep=9, changes=Book(), clock=SystemClock())


def action(path: Path) -> RestoreRequestFile:
    return RestoreRequestFile(file=opened(path), observe=always(Health.HEALTHY))


def component(path: Path) -> Component:
    return file_component(str(path))


def seen(path: Path, *, known: bool = True) -> Observation:
    file = opened(path) if known else None
    probes = probe_table(http=FakeHttp(200), broker=FakeBroker(1), clock=FakeClock(), request_file=file)
    return Observer(controls={}, probes=probes, clock=FakeClock())(component(path))


def test_a_whole_file_is_healthy(path: Path) -> None:
    """Its content is its life: another content is told apart."""
    first = seen(path)
    path.write_bytes(request_file(21))
    second = seen(path)
    assert (first.health, second.health, first.detail) == (Health.HEALTHY, Health.HEALTHY, "")
    assert first.incarnation is not None
    assert not first.incarnation.same_life(second.incarnation)


@pytest.mark.parametrize("what", ["wiped", "gone", "a folder"])
def test_a_damaged_file_is_sick(path: Path, what: str) -> None:
    """Wiped, gone or no file any more: its trigger is FILE_DAMAGED, as urgent as a file is."""
    if what == "wiped":
        path.write_bytes(WIPED)
    else:
        path.unlink()
    if what == "a folder":
        path.mkdir()
    found = seen(path)
    assert found.health is Health.SICK
    assert found.detail
    kind = type_of(component(path), found)
    assert (kind, priority_of(component(path), kind)) == (TriggerType.FILE_DAMAGED, Priority.MEDIUM)


def test_where_nobody_can_tell_nothing_is_known(path: Path) -> None:
    """Its copies cannot be read, it was never read here (another machine has it), or the settings name none."""
    (path.parent / COPIES / "last-good.json").write_text("?")
    assert seen(path).health is Health.UNKNOWN
    assert seen(path, known=False).health is Health.UNKNOWN
    (path.parent / COPIES / "last-good.json").unlink()
    path.unlink()
    assert seen(path).health is Health.UNKNOWN
    assert "is this the machine that has it" in seen(path).detail


def test_the_plan_is_the_difference_in_numbers(path: Path) -> None:
    """What is there, which copy is put back, what comes back and what goes: and nothing is changed."""
    path.write_bytes(WIPED + b"\n" + entry(7, name="REQ-LATE-1").encode())
    plan = action(path).prepare(component(path))
    assert plan.steps[0].startswith("in the file: 1 entries, ")
    assert "put back the copy " in plan.steps[1]
    assert f"20 entries, {len(request_file(20))} bytes" in plan.steps[1]
    assert plan.steps[2].startswith("20 entries come back: REQ-")
    assert plan.steps[3] == "1 entries go into a copy: REQ-LATE-1"
    assert (plan.evidence["lost_count"], plan.evidence["gained"]) == (20, ["REQ-LATE-1"])
    assert set(plan.parameters) == {"copy", "instead_of"}
    assert path.read_bytes().startswith(WIPED)


def test_it_puts_the_last_good_copy_back(path: Path) -> None:
    """Once; the wiped one is a copy, and the way back puts that back."""
    path.write_bytes(WIPED)
    plan = action(path).prepare(component(path))
    assert action(path).commit(component(path), plan).startswith("put back the copy")
    assert (path.read_bytes(), seen(path).health) == (request_file(20), Health.HEALTHY)
    with pytest.raises(TargetChanged):
        action(path).commit(component(path), plan)
    assert "put back what was found" in action(path).rollback(component(path), plan)
    assert path.read_bytes() == WIPED
    assert "another file by now" in action(path).rollback(component(path), plan)


def test_what_was_written_since_the_question_is_left_alone(path: Path) -> None:
    """What a person approved is about one content; with another one they are asked again."""
    path.write_bytes(WIPED)
    plan = action(path).prepare(component(path))
    path.write_bytes(WIPED + b"more")
    with pytest.raises(TargetChanged, match="another file by now"):
        action(path).commit(component(path), plan)
    assert path.read_bytes() == WIPED + b"more"
    assert action(path).prepare(component(path)).parameters != plan.parameters


@pytest.mark.parametrize(
    ("what", "said"),
    [("whole", "nothing to restore"), ("folder", "no regular file")],
)
def test_what_it_does_not_restore(path: Path, what: str, said: str) -> None:
    """A whole file, and what is no file: a person is told why."""
    if what != "whole":
        path.unlink()
    if what == "folder":
        path.mkdir()
    with pytest.raises(NotAllowed, match=said):
        action(path).prepare(component(path))


def test_without_a_file_in_the_settings_it_says_so(path: Path) -> None:
    """The action is listed all the same, and fits only the request file."""
    bare = RestoreRequestFile(file=None, observe=always(Health.HEALTHY))
    with pytest.raises(Permanent, match=r"workflows\.request_file is empty"):
        bare.prepare(component(path))


def test_the_settings_make_it_a_component(path: Path) -> None:
    """With the file there is the component, with its ladder and in mode approve; the allow-list may name it."""
    values = {"workflows": {"request_file": os.fspath(path)}, "healing": {"allow": [REQUEST_FILE]}}
    catalogue = parse(values, source="the test").catalogue()
    assert list(catalogue) == [REQUEST_FILE]
    assert catalogue[REQUEST_FILE].target == f"file/{path}"
    assert (catalogue[REQUEST_FILE].ladder, RestoreRequestFile.mode) == (("restore-request-file",), "approve")
    assert catalogue[REQUEST_FILE].healthy_delay < timedelta(seconds=5)
    assert list(parse({}, source="the test").catalogue()) == []
    with pytest.raises(Permanent, match="calls the request file; name it otherwise"):
        parse({"components": {REQUEST_FILE: {"probe": "http", "url": "http://h"}}}, source="the test")

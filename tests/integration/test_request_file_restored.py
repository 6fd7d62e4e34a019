"""The request file is wiped twice in five minutes: seen, asked about, restored after a person's word; or accepted."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from approval_desk import Counter
from request_files import WIPED, request_file
from sqlalchemy import text
from uuid6 import uuid7

from console.cli import main
from selfheal.bootstrap import Estate, wire
from selfheal.model.admission import Decision
from selfheal.model.approval import ApprovalDetail, ApprovalState
from selfheal.model.attempt import Status, Verification
from selfheal.model.file_change import ChangeKind, ChangeState
from selfheal.model.observation import Health
from selfheal.model.request import RequestStatus
from selfheal.model.trigger import Source, Trigger
from selfheal.policy.catalogue import REQUEST_FILE
from selfheal.policy.triggers import priority_of, type_of
from selfheal.protocol.dry_run import preview
from selfheal.protocol.heal import Result, heal
from selfheal.protocol.plain import plain_steps
from selfheal.settings.file import load
from selfheal.store.file_changes import FileChangeRows

SETTINGS = """
[healing]
allow = ["request-file"]
[workflows]
request_file = "{path}"
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "OWNER_REQUESTS.md"
    path.write_bytes(request_file(20))
    (tmp_path / "selfheal.toml").write_text(SETTINGS.format(path=path))
    return path


@pytest.fixture
def wired(counter: Counter, database_url: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Estate]:
    """An estate of nothing but a request file, which was looked at once."""
    monkeypatch.setenv("SELFHEAL_DATABASE_URL", database_url)
    counter.run("TRUNCATE healing_actions, faults, approvals, raised_triggers, file_changes, alert_outbox CASCADE")
    estate = wire(load(path.with_name("selfheal.toml")), database_url=database_url)
    assert estate.observer(estate.healer.components[REQUEST_FILE]).health is Health.HEALTHY
    yield estate
    estate.close()


def trigger(estate: Estate) -> Trigger:
    """What the watcher raises for what it sees now."""
    component = estate.healer.components[REQUEST_FILE]
    seen = estate.observer(component)
    assert seen.health is Health.SICK
    kind = type_of(component, seen)
    return Trigger(
        id=uuid7(),
        type=kind,
        component=REQUEST_FILE,
        source=Source.WATCHER,
        priority=priority_of(component, kind),
        reason=seen.detail,
        detected_at=datetime.now(UTC),
    )


def asked(estate: Estate, counter: Counter) -> ApprovalDetail:
    """The question that a wiped file raises."""
    result = heal(plain_steps(estate.healer), trigger(estate))
    assert result.answer.decision is Decision.AWAITING_APPROVAL, result.answer
    return counter.approvals.one(UUID(result.answer.reason.rpartition(" ")[2]))


def carried_out(estate: Estate, counter: Counter) -> Result:
    """What follows from a person's word."""
    (raised,) = counter.due()
    return heal(plain_steps(estate.healer), raised)


def test_the_request_file_was_wiped_twice_in_five_minutes(wired: Estate, counter: Counter, path: Path) -> None:
    """Each time nothing is done until a person has seen the difference in numbers; then everything is back."""
    assert wired.request_file is not None
    entry = wired.request_file.read().entries[0]
    wired.request_file.write_status(entry.id, before="NEW", after=RequestStatus.BLOCKED, who="ada", why="to see")
    good = path.read_bytes()
    for wiped in (WIPED, b""):
        path.write_bytes(wiped)
        question = asked(wired, counter)
        assert path.read_bytes() == wiped
        assert any("20 entries come back" in step for step in question.preview)
        assert (question.trigger_type, question.priority) == ("FILE_DAMAGED", "MEDIUM")
        counter.answer(question)
        result = carried_out(wired, counter)
        assert result.outcome is not None
        assert (result.outcome.status, result.outcome.verification) == (Status.SUCCESS, Verification.HEALED)
        assert path.read_bytes() == good
        assert counter.state(question) == ApprovalState.USED
    rows = FileChangeRows(counter.engine).newest(limit=9)
    assert [(one.kind, one.state) for one in rows] == [
        (ChangeKind.RESTORE, ChangeState.DONE),
        (ChangeKind.RESTORE, ChangeState.DONE),
        (ChangeKind.STATUS, ChangeState.DONE),
    ]
    assert Path(rows[1].backup).read_bytes() == WIPED


def test_what_changed_after_the_question_is_asked_anew(wired: Estate, counter: Counter, path: Path) -> None:
    """A word is about the file that its person saw."""
    path.write_bytes(WIPED)
    question = asked(wired, counter)
    counter.answer(question)
    path.write_bytes(WIPED + b"\nmore of it")
    result = carried_out(wired, counter)
    assert result.outcome is None or result.outcome.status is not Status.SUCCESS
    assert path.read_bytes() == WIPED + b"\nmore of it"
    assert counter.state(question) in {ApprovalState.CHANGED, ApprovalState.USED}


def test_a_dry_run_tells_what_would_come_back(wired: Estate, path: Path) -> None:
    """The action, the numbers, and that a person is asked."""
    path.write_bytes(WIPED)
    told = preview(wired.healer, trigger(wired))
    assert (told.action, told.decision) == ("restore-request-file", "AWAITING_APPROVAL")
    assert "20 entries come back" in told.text()


def test_a_person_says_that_it_is_meant(
    wired: Estate, counter: Counter, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`selfheal workflows accept`: the component is well, the question has nothing to ask, and it is on record."""
    path.write_bytes(request_file(2))
    asked(wired, counter)
    config = ("--config", str(path.with_name("selfheal.toml")))
    assert main(["workflows", "accept", "--why", "archived", "--dry-run", "-o", "json", *config]) == 0
    assert wired.observer(wired.healer.components[REQUEST_FILE]).health is Health.SICK
    assert main(["workflows", "accept", "--why", "archived", "-o", "json", *config]) == 0
    assert '"lost": 18' in capsys.readouterr().out
    assert wired.observer(wired.healer.components[REQUEST_FILE]).health is Health.HEALTHY
    assert heal(plain_steps(wired.healer), _again(wired)).answer.decision is Decision.ALREADY_HEALTHY
    with counter.engine.connect() as connection:
        deed = connection.execute(text("SELECT deed, outcome, subject, details ->> 'why' FROM person_deeds")).all()[-1]
    assert tuple(deed) == ("ACCEPT_FILE", "DONE", str(path), "archived")
    (row,) = FileChangeRows(counter.engine).newest(limit=9)
    assert (row.kind, row.state, row.why) == (ChangeKind.ACCEPT, ChangeState.DONE, "archived")
    assert main(["workflows", "accept", "--why", "again", *config]) == 0
    assert "whole already" in capsys.readouterr().out


def _again(estate: Estate) -> Trigger:
    component = estate.healer.components[REQUEST_FILE]
    kind = type_of(component, estate.observer(component))
    return Trigger(
        id=uuid7(),
        type=kind,
        component=REQUEST_FILE,
        source=Source.WATCHER,
        priority=priority_of(component, kind),
        reason="again",
        detected_at=datetime.now(UTC),
    )


def test_without_the_database_nothing_is_written(wired: Estate, path: Path, counter: Counter) -> None:
    """Reading goes on; a change that cannot be announced is not made."""
    assert wired.request_file is not None
    before, entry = path.read_bytes(), wired.request_file.read().entries[0]
    counter.run("ALTER TABLE file_changes RENAME TO elsewhere")
    try:
        assert len(wired.request_file.read().entries) == 20
        with pytest.raises(Exception, match="the database refuses"):
            wired.request_file.write_status(entry.id, before="NEW", after=RequestStatus.BLOCKED, who="a", why="b")
    finally:
        counter.run("ALTER TABLE elsewhere RENAME TO file_changes")
    assert path.read_bytes() == before
    wired.request_file.write_status(entry.id, before="NEW", after=RequestStatus.BLOCKED, who="a", why="b")

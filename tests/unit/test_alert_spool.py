"""The spool: kept whole, once per key, for its user alone; and what a broken or full disk does."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from selfheal.clients.alert_spool import AlertSpool
from selfheal.logs import hide
from selfheal.model.alert import Alert, Severity
from selfheal.model.errors import Transient

NOW = datetime(2026, 11, 29, 5, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def alert(key: str = "selfheal/database", message: str = "the database is away") -> Alert:
    return Alert(id=uuid4(), severity=Severity.CRITICAL, dedup_key=key, message=message, created_at=NOW)


def test_it_keeps_what_it_is_given_until_that_is_in_the_outbox(tmp_path: Path) -> None:
    """Once per key; who tries, and which channel has taken it, is known to the next process."""
    first, other = AlertSpool(tmp_path / "spool"), AlertSpool(tmp_path / "spool")
    one = alert()
    assert first.entries() == ()
    assert first.add(one)
    assert not other.add(alert())
    assert [kept.alert for kept in other.due(NOW, again=MINUTE)] == [one]
    assert first.due(NOW + MINUTE / 2, again=MINUTE) == []
    first.told(one.id, "pager")
    (again,) = other.due(NOW + MINUTE, again=MINUTE)
    assert again.told == {"pager"}
    other.clear([one.id])
    assert first.entries() == ()
    assert first.add(alert())


def test_only_its_user_reads_it_and_no_secret_stands_in_it(tmp_path: Path) -> None:
    """The folder 0700, the file 0600, and secrets are masked."""
    hide(["planted-Secret-78"])
    AlertSpool(tmp_path / "spool").add(alert(message="planted-Secret-78 does not open it"))
    kept = tmp_path / "spool" / "alerts.json"
    assert (stat.S_IMODE(kept.parent.stat().st_mode), stat.S_IMODE(kept.stat().st_mode)) == (0o700, 0o600)
    assert "planted-Secret-78" not in kept.read_text()


def test_it_is_bounded(tmp_path: Path) -> None:
    """200 keys; a text is cut."""
    spool = AlertSpool(tmp_path)
    assert sum(spool.add(alert(f"key/{number}", "x" * 5000)) for number in range(202)) == 200
    assert (tmp_path / "alerts.json").stat().st_size < 600_000


@pytest.mark.parametrize("text", ["", "{", '[{"id": 1}]', "[3]", "null"])
def test_a_file_that_is_none_of_ours_stops_nobody(tmp_path: Path, text: str) -> None:
    """It is put aside, and the next alert is kept."""
    (tmp_path / "alerts.json").write_text(text)
    spool = AlertSpool(tmp_path)
    assert list(spool.entries()) == []
    assert spool.add(alert())
    assert (tmp_path / "alerts.unreadable").read_text() == text


def test_where_nothing_can_be_written_that_is_said(tmp_path: Path) -> None:
    """A folder that is a file, as a disk that is full."""
    (tmp_path / "spool").touch()
    with pytest.raises(Transient, match="the spool of alerts cannot be used"):
        AlertSpool(tmp_path / "spool").add(alert())

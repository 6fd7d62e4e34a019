"""The database is away: who is told, how often, and what a broken channel or spool does to that."""

import errno
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from selfheal.clients.alert_spool import AlertSpool
from selfheal.model.alert import Message
from selfheal.model.alert_rules import Rules
from selfheal.model.delivery import Spooled
from selfheal.model.errors import Transient
from selfheal.protocol.emergency import Emergency

BEGAN = datetime(2026, 11, 29, 5, tzinfo=UTC)


@dataclass(kw_only=True)
class Clock:
    """Time that passes when it is told to."""

    seconds: float = 0.0

    def now(self) -> datetime:
        return BEGAN + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def wait(self, seconds: float) -> None:
        self.seconds += seconds


@dataclass(kw_only=True)
class Channel:
    """A channel that is dead or not."""

    dead: bool = False
    got: list[Message] = field(default_factory=list)

    def send(self, message: Message) -> None:
        if self.dead:
            raise Transient("it is away")
        self.got.append(message)


def emergency(folder: Path | None, clock: Clock, **channels: Channel) -> Emergency:
    return Emergency(
        None if folder is None else AlertSpool(folder),
        channels=channels,
        rules=Rules(channels=tuple(channels)),
        clock=clock,
        after=timedelta(seconds=20),
    )


def test_two_processes_tell_once_and_try_a_dead_channel_again(tmp_path: Path) -> None:
    """The channel that took it is left alone; the other one is tried again after a minute, by whoever comes first."""
    clock, good, bad = Clock(), Channel(), Channel(dead=True)
    ours, theirs = (emergency(tmp_path, clock, good=good, bad=bad) for _ in range(2))
    for one in (ours, theirs, ours):
        one.tell(BEGAN, "gone")
    assert (len(good.got), len(bad.got)) == (1, 0)
    bad.dead = False
    clock.wait(60)
    theirs.tell(BEGAN, "gone")
    assert (len(good.got), len(bad.got)) == (1, 1)
    assert bad.got[0].id == good.got[0].id == bad.got[0].episode


def test_a_spool_that_cannot_be_written_keeps_nobody_from_being_told(tmp_path: Path) -> None:
    """Each process tells for itself then, as without a spool: each channel once, and a dead one again."""
    (tmp_path / "spool").touch()
    for folder in (None, tmp_path / "spool"):
        clock, good, bad = Clock(), Channel(), Channel(dead=True)
        one = emergency(folder, clock, good=good, bad=bad)
        for _ in range(3):
            one.tell(BEGAN, "gone")
        bad.dead = False
        clock.wait(60)
        one.tell(BEGAN, "gone")
        assert (len(good.got), len(bad.got)) == (1, 1), folder
        one.fine()
        end = time.monotonic() + 10
        while (len(good.got), len(bad.got)) != (2, 2) and time.monotonic() < end:
            time.sleep(0.01)
        assert [[sent.kind.value for sent in each.got] for each in (good, bad)] == [["ALERT", "RESOLVED"]] * 2, folder


def test_a_disk_that_fills_up_later_keeps_nobody_from_being_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was kept, and cannot be marked as tried: told all the same, once, and its end too."""
    clock, good = Clock(), Channel()
    one = emergency(tmp_path, clock, good=good)
    kept = AlertSpool(tmp_path)
    write, added = AlertSpool._write, threading.Event()

    def full(spool: AlertSpool, entries: list[Spooled]) -> None:
        if added.is_set():
            raise OSError(errno.ENOSPC, "No space left on device")
        write(spool, entries)
        added.set()

    monkeypatch.setattr(AlertSpool, "_write", full)
    for _ in range(3):
        one.tell(BEGAN, "gone")
        clock.wait(20)
    assert [sent.kind.value for sent in good.got] == ["ALERT"]
    assert [each.alert.id for each in kept.entries()] == [good.got[0].id]
    one.fine()
    end = time.monotonic() + 10
    while len(good.got) != 2 and time.monotonic() < end:
        time.sleep(0.01)
    assert [sent.kind.value for sent in good.got] == ["ALERT", "RESOLVED"]


def test_a_short_absence_is_nobodys_business(tmp_path: Path) -> None:
    """20 s in one go; the time begins anew with each answer of the database."""
    clock, channel = Clock(), Channel()
    one = emergency(tmp_path, clock, only=channel)
    for _ in range(5):
        one.trouble("gone")
        clock.wait(19)
        one.trouble("gone")
        one.fine()
    assert channel.got == []
    assert not (tmp_path / "alerts.json").exists()

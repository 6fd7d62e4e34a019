"""What people must be told while the database is away: a file in the data folder, shared by all processes of the stack.

Each change writes the file anew and swaps it in, under a lock: it is there as a whole, and on the disk. Only its user
reads it; secrets are taken out before.
"""

import fcntl
import json
import logging
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from selfheal.logs import redacted, without_secrets
from selfheal.model.alert import Alert, Severity
from selfheal.model.delivery import Spooled
from selfheal.model.errors import Transient

_log = logging.getLogger(__name__)
_MOST = 200
_LONGEST = 2000
_NAME = "alerts.json"


class AlertSpool:
    """Fulfils `ports.AlertSpool`.

    Args:
        folder: its own; made when something is kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, alert: Alert) -> bool:
        """See `ports.AlertSpool.add`."""
        kept = replace(
            alert,
            message=without_secrets(alert.message)[:_LONGEST],
            details=redacted(dict(alert.details)),
        )

        def added(entries: list[Spooled]) -> list[Spooled] | None:
            known = any(one.alert.dedup_key == alert.dedup_key for one in entries)
            return None if known or len(entries) >= _MOST else [*entries, Spooled(alert=kept)]

        return self._change(added) is not None

    def due(self, now: datetime, *, again: timedelta) -> Sequence[Spooled]:
        """See `ports.AlertSpool.due`."""
        taken: list[Spooled] = []

        def tried(entries: list[Spooled]) -> list[Spooled] | None:
            taken.extend(one for one in entries if one.tried_at is None or one.tried_at + again <= now)
            ids = {one.alert.id for one in taken}
            return [replace(one, tried_at=now) if one.alert.id in ids else one for one in entries] if ids else None

        self._change(tried)
        return taken

    def told(self, alert: UUID, channel: str) -> None:
        """See `ports.AlertSpool.told`."""
        self._change(
            lambda entries: [
                replace(one, told=one.told | {channel}) if one.alert.id == alert else one for one in entries
            ]
        )

    def entries(self) -> Sequence[Spooled]:
        """See `ports.AlertSpool.entries`; without a file there is no lock to wait for."""
        if not (self._folder / _NAME).exists():
            return ()
        with self._locked():
            return self._read()

    def clear(self, alerts: Collection[UUID]) -> None:
        """See `ports.AlertSpool.clear`."""
        self._change(lambda entries: [one for one in entries if one.alert.id not in alerts])

    def _change(self, make: Callable[[list[Spooled]], list[Spooled] | None]) -> list[Spooled] | None:
        """What `make` gives is in the file, and is given; None: nothing changes."""
        with self._locked():
            after = make(self._read())
            if after is not None:
                self._write(after)
        return after

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self._folder / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _not_kept(error) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        except OSError as error:
            raise _not_kept(error) from error
        finally:
            os.close(lock)

    def _read(self) -> list[Spooled]:
        """What is there; a file that is none of ours is put aside, so that it stops nobody."""
        path = self._folder / _NAME
        try:
            return [_entry(one) for one in json.loads(path.read_text(encoding="utf-8"))]
        except FileNotFoundError:
            return []
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            aside = path.with_suffix(".unreadable")
            _log.error("the spool of alerts is none of ours, or half of one: it lies in %s now", aside)
            path.replace(aside)
            return []

    def _write(self, entries: list[Spooled]) -> None:
        path = self._folder / _NAME
        if not entries:
            path.unlink(missing_ok=True)
            return
        new = path.with_suffix(".new")
        with os.fdopen(os.open(new, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w") as file:
            file.write(json.dumps([_written(one) for one in entries]))
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _written(one: Spooled) -> dict[str, Any]:
    alert = one.alert
    return {
        "id": str(alert.id),
        "severity": alert.severity.value,
        "dedup_key": alert.dedup_key,
        "message": alert.message,
        "details": dict(alert.details),
        "created_at": alert.created_at.isoformat(),
        "told": sorted(one.told),
        "tried_at": None if one.tried_at is None else one.tried_at.isoformat(),
    }


def _entry(one: dict[str, Any]) -> Spooled:
    return Spooled(
        alert=Alert(
            id=UUID(one["id"]),
            severity=Severity(one["severity"]),
            dedup_key=one["dedup_key"],
            message=one["message"],
            details=one["details"],
            created_at=datetime.fromisoformat(one["created_at"]),
        ),
        told=frozenset(one["told"]),
        tried_at=None if one["tried_at"] is None else datetime.fromisoformat(one["tried_at"]),
    )


def _not_kept(error: OSError) -> Transient:
    return Transient(f"the spool of alerts cannot be used: {error.strerror or error}", hint="see the data folder")

"""The one way into `health_history` and its rollups: batches of measured values, each written as a whole or not at all.

While the database is away the values of the sweeps wait here, as many as an hour has; what does not fit is counted and
said, never dropped without a word. See docs/decisions/health.md for what a row costs.
"""

import json
import logging
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Engine, text

from selfheal.model.errors import SelfhealError, Transient
from selfheal.model.health import Look, Measured
from selfheal.store.engine import first_row
from selfheal.store.looks import look_json
from selfheal.store.text import shorten

BATCH = 10_000
"""Rows of one transaction: more make none faster."""
MOST_WAITING = 720
"""Batches that wait for the database: an hour of sweeps."""
_LONGEST_DETAIL = 500
_BEYOND = 1e100
_KEEP = text(
    """SELECT kept, refused FROM keep_health(
           CAST(:component AS text[]), CAST(:status AS text[]), CAST(:response AS int[]), CAST(:detail AS text[]),
           CAST(:at AS timestamptz[]), CAST(:metric AS text[]), CAST(:value AS float8[]),
           CAST(:look AS jsonb[]), CAST(:again AS boolean))"""
)
_log = logging.getLogger(__name__)


class HealthWriter:
    """Writes measured values.

    Args:
        engine: the database, as healing_user.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._waiting: deque[Sequence[Measured]] = deque()
        self._unsure = False  # the first of them may be written already: its answer was lost
        self._lost = 0
        self._out_of_range = False

    def write(self, rows: Sequence[Measured]) -> int:
        """Write these now, or what of them can be; gives how many were kept.

        Raises:
            Transient: the database is away; batches before that are written.
        """
        batches = (rows[first : first + BATCH] for first in range(0, len(rows), BATCH))
        return sum(self._write(batch, again=False) for batch in batches)

    def record(self, rows: Sequence[Measured]) -> None:
        """Write these, after what waits; what cannot be written waits for the next call.

        Raises:
            Transient: the database is away; says how much waits.
            Permanent: it refuses a batch, which would be refused again and does not wait.
        """
        with self._lock:
            if rows:
                self._wait(rows)
            late = len(self._waiting) - 1
            while self._waiting:
                self._write_first()
            if late > 0 or self._lost:
                _log.warning("health of %d sweeps is written late, of %d sweeps it is lost", late, self._lost)
                self._lost = 0

    def _wait(self, rows: Sequence[Measured]) -> None:
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.popleft()
            self._unsure = False
            self._lost += 1
        self._waiting.append(rows)

    def _write_first(self) -> None:
        try:
            self._write(self._waiting[0], again=self._unsure)
        except Transient as error:
            self._unsure = True
            lost = f", of {self._lost} it is lost" if self._lost else ""
            waits = f"health of {len(self._waiting)} sweeps waits for it{lost}"
            raise Transient(f"{error.message}; {waits}", hint=error.hint) from error
        except SelfhealError:
            self._next()
            raise
        self._next()

    def _next(self) -> None:
        self._waiting.popleft()
        self._unsure = False

    def _write(self, rows: Sequence[Measured], *, again: bool) -> int:
        row = first_row(self._engine, _KEEP, {**_columns(rows), "again": again})
        kept, refused = row or (0, 0)
        if refused and not self._out_of_range:
            _log.error("%d values are 399 days old or a day ahead, and are not kept: see this host's clock", refused)
        self._out_of_range = bool(refused)
        return int(kept)


def _columns(rows: Sequence[Measured]) -> dict[str, str]:
    """One array for each column, as Postgres reads it: twice as fast as the driver's own for thousands of rows."""
    details = (shorten(row.detail, _LONGEST_DETAIL) if row.detail else None for row in rows)
    return {
        "component": _array(_quoted(row.component) for row in rows),
        "status": _array(row.status.value for row in rows),
        "response": _array(_number(row.response_ms) for row in rows),
        "detail": _array("NULL" if detail is None else _quoted(detail) for detail in details),
        "at": _array(_moment(row.checked_at) for row in rows),
        "metric": _array(_quoted(row.metric) for row in rows),
        "value": _array(_number(row.value) for row in rows),
        "look": _array("NULL" if row.look is None else _look(row.look) for row in rows),
    }


def _array(items: Iterable[str]) -> str:
    return "{" + ",".join(items) + "}"


def _quoted(words: str) -> str:
    return '"' + words.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _look(look: Look) -> str:
    return _quoted(json.dumps(look_json(look)))


def _moment(at: datetime) -> str:
    return f'"{at.isoformat()}"'


def _number(value: float | None) -> str:
    """A value that is none (nobody knows, no number, beyond measure) is NULL: it would spoil every sum that it is in.

    The square of a larger or a smaller one is none to Postgres, which would refuse the whole batch for it.
    """
    if value is None or not abs(value) < _BEYOND:
        return "NULL"
    return repr(value) if abs(value) > 1 / _BEYOND else "0"

"""The board: what is kept between two runs changes nothing, and what is damaged is told, never believed."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from zlib import crc32

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfheal.forecast import kept as kept_module
from selfheal.forecast.board import Board
from selfheal.forecast.history import KEPT
from selfheal.forecast.kept import Unreadable
from selfheal.model.forecast import Kept, Name, Packed

FIRST = 5_900_000
NAMES: Sequence[Name] = (("a", "memory_percent"), ("b", "memory_percent"), ("c", "response_time_ms"))
LIMITS: Mapping[Name, float] = dict.fromkeys(NAMES, 95.0)


def packed(name: Name, values: Sequence[float], down: Sequence[int] = ()) -> Packed:
    """As the database sends it."""
    return Packed(
        name=name,
        buckets=np.arange(len(values), dtype=">i4").tobytes(),
        highest=np.array(values, dtype=">f8").tobytes(),
        down=np.array(down or [0] * len(values), dtype=">i4").tobytes(),
    )


def board_of(values: np.ndarray, *, names: Sequence[Name] = NAMES) -> Board:
    """A board that has observed a table; a row for each bucket, the last of them is its newest."""
    board = Board.new(FIRST + len(values))
    other = board.begin(names, LIMITS)
    first = other.bucket + 1
    table = np.full((KEPT, len(names)), np.nan)
    table[KEPT - len(values) :] = values
    rows = [packed(name, table[:, place].tolist()) for place, name in enumerate(names)]
    other.take(rows, since=first, until=first + KEPT)
    while other.bucket < board.bucket:
        other.step()
    board.join(other)
    return board


def on(board: Board, values: Sequence[float]) -> list[object]:
    """One bucket more, judged; what is told of all."""
    bucket = board.bucket + 1
    rows = [packed(name, [value]) for name, value in zip(board.names, values, strict=True)]
    board.take(rows, since=bucket, until=bucket + 1)
    board.step()
    board.judge()
    return list(board.judged())


def again(board: Board, before: Kept | None = None) -> tuple[Board, Kept]:
    """As the next process finds it: the rows of earlier runs, and those of this one."""
    now = board.kept()
    whole = replace(now, rows={**({} if before is None else before.rows), **now.rows})
    return Board.of(whole), whole


def drawn(seed: int, buckets: int) -> np.ndarray:
    """Three series that waver, leak and are odd, with gaps."""
    rng = np.random.default_rng(seed)
    values = 40 + rng.normal(0, 1, (buckets, 3)).cumsum(axis=0) * 0.1
    values[:, 1] += np.maximum(np.arange(buckets) - buckets * 0.9, 0) * 0.7
    values[rng.random((buckets, 3)) < 0.05] = np.nan
    return values


def test_what_is_kept_between_two_runs_changes_nothing() -> None:
    """Forty runs of their own tell what one process tells that goes on all the time; few rows are written by each."""
    values = drawn(7, 700)
    whole, parts = board_of(values[:660]), board_of(values[:660])
    parts, known = again(parts)
    raised = 0
    for row in values[660:]:
        told = on(whole, row.tolist())
        assert repr(on(parts, row.tolist())) == repr(told)  # NaN is not equal to itself
        raised += len(list(whole.raised()))
        assert len(parts.kept().rows) <= 16
        parts, known = again(parts, known)
    assert raised


def test_new_series_and_those_that_are_gone_leave_the_others_alone() -> None:
    """One is forgotten and one comes in with its past: the third is told as if nothing had been."""
    values = drawn(8, 700)
    alone, board = board_of(values[:, :1], names=NAMES[:1]), board_of(values[:, :2], names=NAMES[:2])
    board.limit({NAMES[0]: 95.0, NAMES[2]: 95.0})
    board.join(board_of(values[:, 2:], names=NAMES[2:]))
    assert list(board.names) == [NAMES[0], NAMES[2]]
    board, _ = again(board)
    for value in (41.0, 42.0, 43.0):
        assert repr(on(board, [value, 40.0])[0]) == repr(on(alone, [value])[0])


def test_another_limit_ends_the_alarm_and_keeps_the_history() -> None:
    """What was foretold was of the old limit."""
    board = board_of(drawn(7, 300)[:, :1], names=NAMES[:1])
    for number in range(24):
        on(board, [41 + 1.6 * number])
    assert [one.forecast.alarm for one in board.judged()] == [True]
    board.limit({NAMES[0]: 300.0})
    assert [(one.limit, one.forecast.alarm) for one in on_and_judged(board, 80.0)] == [(300.0, False)]


def on_and_judged(board: Board, value: float) -> list[object]:
    on(board, [value])
    return list(board.judged())


@settings(max_examples=60, deadline=None)
@given(place=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_a_flipped_bit_is_never_believed(place: int, bit: int) -> None:
    """In the head or in a row."""
    kept = KNOWN
    if place % 2:
        damaged = bytearray(kept.head)
        damaged[place % len(damaged)] ^= 1 << bit
        with pytest.raises(Unreadable, match="its checksum is another"):
            Board.of(replace(kept, head=bytes(damaged)))
        return
    rows = dict(kept.rows)
    at = sorted(rows)[place % len(rows)]
    raw = bytearray(rows[at][0])
    raw[place % len(raw)] ^= 1 << bit
    rows[at] = (bytes(raw), rows[at][1])
    with pytest.raises(Unreadable, match=f"row {at} of its values is damaged"):
        Board.of(replace(kept, rows=rows))


def summed(head: bytes) -> bytes:
    return crc32(head).to_bytes(4) + head


@pytest.mark.parametrize("head", [b"", b"PK", b"no zip at all" * 20, summed(b""), summed(b"PK"), summed(b"nozip" * 9)])
def test_what_is_no_state_is_unreadable(head: bytes) -> None:
    """Whatever the bytes are."""
    with pytest.raises(Unreadable, match="damaged"):
        Board.of(replace(KNOWN, head=head))


def test_a_pickle_is_never_loaded() -> None:
    """Objects in the head are refused."""
    packed_objects = io.BytesIO()
    np.savez(packed_objects, told=np.array([{"version": 1}], dtype=object))
    with pytest.raises(Unreadable, match="damaged"):
        Board.of(replace(KNOWN, head=summed(packed_objects.getvalue())))


def test_another_version_and_a_missing_row_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """By what is wrong."""
    rows = dict(KNOWN.rows)
    gone = sorted(rows)[3]
    del rows[gone]
    with pytest.raises(Unreadable, match=f"row {gone} of its values is missing"):
        Board.of(replace(KNOWN, rows=rows))
    monkeypatch.setattr(kept_module, "VERSION", 2)
    with pytest.raises(Unreadable, match="it is of version 1, and 2 is wanted"):
        Board.of(KNOWN)


def test_a_breach_begins_once_an_hour() -> None:
    """Values that go to and fro about the limit are one breach; a failed look is one only where it was slow before."""
    board = board_of(drawn(9, 100))
    begun = []
    for number in range(40):
        bucket, over = board.bucket + 1, 96.0 if number % 3 else 90.0
        rows = [packed(NAMES[0], [over]), packed(NAMES[1], [40.0], [3]), packed(NAMES[2], [60.0], [int(number == 20)])]
        board.take(rows, since=bucket, until=bucket + 1)
        begun += [(number, name[0], limit) for name, limit in board.step()]
    assert begun == [(1, "a", 95.0), (20, "c", 95.0)]


KNOWN = board_of(drawn(7, 60)).kept()

"""The running state of a forecast as bytes, and back: what Postgres keeps of it between two runs.

A week of values is much, and of it only the newest rows change: so they are a ring of rows, each with its checksum in
the head, and only the rows that have changed are written. Nothing is unpickled. What does not fit is `Unreadable`.
"""

import io
import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt

from selfheal.forecast.alarms import Alarms
from selfheal.forecast.history import KEPT, History
from selfheal.model.forecast import Kept, Name

VERSION = 1
"""Of the head: an older or newer one is unreadable, and what is in it is read again from the rollups."""
RING = ("raw", "smooth")
"""The tables of a history that are kept row by row."""
_SUM = 4
"""Bytes of the checksum before the head."""
Sums = npt.NDArray[np.int64]


class Unreadable(Exception):
    """What was kept is of another version, damaged, or not whole; says which."""


@dataclass(frozen=True, kw_only=True)
class State:
    """The same as values.

    Attributes:
        names: of the series, in their order.
        history: of them.
        alarms: of them.
        over: the newest bucket in which each was at its limit.
        acted: ids of the heals that were taken in lately.
        sums: checksums of the ring's rows as they are kept; 0: there is none.
    """

    names: Sequence[Name]
    history: History
    alarms: Alarms
    over: npt.NDArray[np.int64]
    acted: Sequence[str]
    sums: Sums


def pack(state: State) -> Kept:
    """As bytes: the head, and the rows that differ from what `state.sums` says is kept."""
    sums, rows = np.zeros(KEPT, dtype=np.int64), {}
    for place in range(KEPT):
        raw, smooth = (getattr(state.history, name)[place] for name in RING)
        if np.isfinite(raw).any() or np.isfinite(smooth).any() or state.sums[place]:
            row = raw.astype("<f8").tobytes(), smooth.astype("<f8").tobytes()
            sums[place] = _sum(row)
            if sums[place] != state.sums[place]:
                rows[place] = row
    told = {
        "version": VERSION,
        "names": [list(name) for name in state.names],
        "bucket": int(state.history.bucket),
        "from": int(state.history.since),
        "acted": list(state.acted),
    }
    arrays = {f"history.{name}": one for name, one in _arrays(state.history).items() if name not in RING}
    arrays |= {f"alarms.{name}": one for name, one in _arrays(state.alarms).items()}
    arrays |= {"over": state.over, "sums": sums, "told": np.frombuffer(json.dumps(told).encode(), dtype=np.uint8)}
    packed = io.BytesIO()
    np.savez_compressed(packed, **arrays)  # type: ignore[arg-type]  # its only keyword of another kind has a default
    head = packed.getvalue()
    return Kept(head=crc32(head).to_bytes(_SUM) + head, rows=rows)


def unpack(kept: Kept) -> State:
    """Back again.

    Raises:
        Unreadable: it is of another version, damaged or not whole.
    """
    if len(kept.head) < _SUM or crc32(kept.head[_SUM:]) != int.from_bytes(kept.head[:_SUM]):
        raise Unreadable("it is damaged: its checksum is another")
    try:
        with np.load(io.BytesIO(kept.head[_SUM:]), allow_pickle=False) as packed:
            arrays = {name: packed[name] for name in packed.files}
        told = json.loads(arrays["told"].tobytes())
        if told["version"] != VERSION:
            raise Unreadable(f"it is of version {told['version']}, and {VERSION} is wanted")
        return _state(told, arrays, kept.rows)
    except (ValueError, KeyError, TypeError, EOFError, OSError, zipfile.BadZipFile, zlib.error) as error:
        raise Unreadable(f"it is damaged: {error}") from error


def _state(told: Mapping[str, Any], arrays: Mapping[str, Any], rows: Mapping[int, tuple[bytes, bytes]]) -> State:
    names = [(str(component), str(metric)) for component, metric in told["names"]]
    history = History(np.full(len(names), np.nan), bucket=int(told["bucket"]) + 1)
    history.since = int(told["from"])
    alarms = Alarms(len(names))
    _fill(history, "history", arrays, without=RING)
    _fill(alarms, "alarms", arrays)
    sums = _like(arrays["sums"], np.zeros(KEPT, dtype=np.int64), "sums")
    for place in np.flatnonzero(sums).tolist():
        row = rows.get(place)
        if row is None or _sum(row) != sums[place]:
            raise Unreadable(f"row {place} of its values is {'missing' if row is None else 'damaged'}")
        for name, told_row in zip(RING, row, strict=True):
            getattr(history, name)[place] = np.frombuffer(told_row, dtype="<f8")
    over = _like(arrays["over"], np.zeros(len(names), dtype=np.int64), "over")
    return State(names=names, history=history, alarms=alarms, over=over, acted=told["acted"], sums=sums)


def _fill(target: object, prefix: str, arrays: Mapping[str, Any], without: Sequence[str] = ()) -> None:
    for name, fresh in _arrays(target).items():
        if name not in without:
            setattr(target, name, _like(arrays[f"{prefix}.{name}"], fresh, name))


def _like(found: npt.NDArray[Any], fresh: npt.NDArray[Any], name: str) -> npt.NDArray[Any]:
    """The same kind and shape as that of a history of which nothing is known."""
    if found.shape != fresh.shape or found.dtype != fresh.dtype:
        raise Unreadable(f"it is damaged: {name} has another shape")
    return found.copy()


def _arrays(target: object) -> dict[str, npt.NDArray[Any]]:
    return {name: one for name, one in vars(target).items() if isinstance(one, np.ndarray)}


def joined(first: Any, second: Any) -> None:
    """Put the series of the second, a history or alarms, behind those of the first."""
    for name, one in _arrays(first).items():
        setattr(first, name, np.concatenate((one, getattr(second, name)), axis=-1))


def only(target: Any, series: npt.NDArray[np.int64]) -> None:
    """Leave only these series of a history or of alarms, in this order."""
    for name, one in _arrays(target).items():
        setattr(target, name, one[..., series])


def _sum(row: tuple[bytes, bytes]) -> int:
    """Never 0, which says that there is none."""
    return crc32(row[1], crc32(row[0])) + 1

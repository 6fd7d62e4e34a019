"""The part of `selfheal status` that tells which mechanisms really ran, and when: those that a schedule begins."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from console.output import Cell, Section

if TYPE_CHECKING:
    from selfheal.model.turn import Mechanism

COLUMNS = ("mechanism", "state", "last_run", "took_s", "next_run", "behind_s", "last_result")


def section(mechanisms: "Sequence[Mechanism]") -> tuple[Section, bool]:
    """The table, and whether any of it is bad news."""
    rows = [_row(one) for one in mechanisms]
    return Section(name="turns", columns=COLUMNS, rows=rows), any(row["state"] in {"late", "failed"} for row in rows)


def _row(one: "Mechanism") -> Mapping[str, Cell]:
    """One mechanism."""
    from selfheal.policy.turns import stands  # noqa: PLC0415  keeps `--help` fast

    took = one.turn.took
    return {
        "mechanism": one.name,
        "state": stands(one).value,
        "last_run": one.turn.began_at,
        "took_s": None if took is None else round(took.total_seconds(), 1),
        "next_run": one.due_at,
        "behind_s": round(one.behind.total_seconds(), 1),
        "last_result": None if took is None else one.turn.error or "ended well",
    }

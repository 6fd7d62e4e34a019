"""The part of `selfheal status` that tells which mechanisms really ran, and when: those that a schedule begins."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from console.output import Cell, Section

if TYPE_CHECKING:
    from selfheal.model.turn import Turn
    from selfheal.store.runs import MechanismRuns

WATCHED = frozenset({"application-health"})
"""Of these the watchers' own beat tells."""
COLUMNS = ("mechanism", "state", "last_run", "took_s", "next_run", "last_result")


def section(runs: "MechanismRuns", up_since: float, *, workflows: bool) -> tuple[Section, bool]:
    """The table, and whether any of it is bad news.

    Args:
        runs: what has been signed in and out.
        up_since: when the stack began, in seconds since 1970.
        workflows: whether there are any.
    """
    from deployments.objects import declared  # noqa: PLC0415  keeps `--help` fast

    every = {name: one for name, one in declared.schedules(workflows=workflows).items() if name not in WATCHED}
    latest = runs.latest(every)
    begun = datetime.fromtimestamp(up_since, UTC)
    rows = [_row(latest[name], every[name], begun) for name in sorted(every)]
    return Section(name="turns", columns=COLUMNS, rows=rows), any(row["state"] in {"late", "failed"} for row in rows)


def _row(turn: "Turn", every: timedelta, up_since: datetime) -> Mapping[str, Cell]:
    """One mechanism."""
    from selfheal.policy.turns import stands  # noqa: PLC0415  keeps `--help` fast

    took = None
    if turn.done_began_at is not None and turn.done_ended_at is not None:
        took = round((turn.done_ended_at - turn.done_began_at).total_seconds(), 1)
    return {
        "mechanism": turn.mechanism,
        "state": stands(turn, every=every, up_since=up_since).value,
        "last_run": turn.began_at,
        "took_s": took,
        "next_run": max(turn.began_at or up_since, up_since) + every,
        "last_result": None if took is None else turn.error or "ended well",
    }

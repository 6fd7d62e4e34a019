"""The demo's faults and what became of them: plain values, judged at the end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from console.output import Cell, Section
from selfheal.model.report import HistoryLine

COLUMNS = ("fault", "action", "detect_s", "act_s", "verify_s", "outcome", "verification")


@dataclass(frozen=True, kw_only=True)
class Injected:
    """One thing that was broken.

    Attributes:
        component: which.
        what: in words, e.g. "host-listener killed".
        at: when.
    """

    component: str
    what: str
    at: datetime


def attempts_of(fault: Injected, faults: Sequence[Injected], lines: Sequence[HistoryLine]) -> list[HistoryLine]:
    """The attempts of one fault, oldest first: those of its component from its moment to the next fault's."""
    later = [one.at for one in faults if one.component == fault.component and one.at > fault.at]
    end = min(later, default=None)
    mine = [
        line
        for line in lines
        if line.component == fault.component and line.created_at >= fault.at and (end is None or line.created_at < end)
    ]
    return sorted(mine, key=lambda line: line.created_at)


def healed(attempts: Sequence[HistoryLine]) -> bool:
    """Whether a fault was healed exactly once."""
    return [(one.status, one.verification) for one in attempts] == [("SUCCESS", "HEALED")]


def table(faults: Sequence[Injected], lines: Sequence[HistoryLine]) -> Section:
    """The closing table; seconds count from the moment at which it was broken."""
    rows: list[dict[str, Cell]] = []
    for fault in faults:
        attempts = attempts_of(fault, faults, lines)
        last = attempts[-1] if attempts else None
        rows.append(
            {
                "fault": fault.what,
                "action": last.action if last else None,
                "detect_s": _since(fault, last.detected_at if last else None),
                "act_s": _since(fault, last.act_ended_at if last else None),
                "verify_s": _since(fault, last.completed_at if last else None),
                "outcome": last.status if last else "UNHEALED",
                "verification": last.verification if last else None,
            }
        )
    return Section(name="faults", columns=COLUMNS, rows=rows)


def missing(
    faults: Sequence[Injected], lines: Sequence[HistoryLine], starts: Mapping[str, int], still_open: Sequence[str]
) -> list[str]:
    """What keeps the demo from being a success, one sentence each.

    Args:
        faults: what was broken.
        lines: all attempts.
        starts: how often each program was started since the first fault, by its own account.
        still_open: components whose faults are still open.
    """
    said = []
    for fault in faults:
        attempts = attempts_of(fault, faults, lines)
        if not healed(attempts):
            what = ", ".join(f"{one.action}: {one.status} {one.message}" for one in attempts) or "no attempt"
            said.append(f"{fault.what}: not healed exactly once ({what})")
    for program, count in sorted(starts.items()):
        wanted = sum(1 for line in lines if line.component == program and line.status == "SUCCESS")
        if count != wanted:
            said.append(f"{program} was started {count} times for {wanted} heals")
    said += [f"the fault of {name} is still open" for name in still_open]
    return said


def most_at_once(lines: Sequence[HistoryLine]) -> int:
    """How many attempts were under way at the same time, at most."""
    return max(
        (
            sum(1 for other in lines if other.created_at <= line.created_at < (other.completed_at or line.created_at))
            for line in lines
        ),
        default=0,
    )


def totals(faults: Sequence[Injected], lines: Sequence[HistoryLine], starts: Mapping[str, int]) -> dict[str, Cell]:
    """The demo's sums."""
    return {
        "broken": len(faults),
        "healed_once": sum(1 for fault in faults if healed(attempts_of(fault, faults, lines))),
        "process_starts": sum(starts.values()),
        "heals_at_once": most_at_once(lines),
    }


def _since(fault: Injected, moment: datetime | None) -> float | None:
    return None if moment is None else round((moment - fault.at).total_seconds(), 2)

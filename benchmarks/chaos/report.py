"""What a campaign tells: figures for the benchmarks' table, a text for a person, and `report.json` in its folder."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median, quantiles

from benchmarks.case import Case
from benchmarks.chaos.campaign import Outcome
from benchmarks.chaos.checker.verdict import LOST, TWICE, UNRECORDED, UNSETTLED

_NONE = "none: the checker's count, which must be 0"
_SHOWN = 20


def cases(outcome: Outcome) -> list[Case]:
    """`faults`, `lost`, `twice`, `unrecorded`, `unsettled`, and all violations together."""
    verdict = outcome.verdict
    counted = {
        "lost": verdict.broken(LOST),
        "twice": verdict.broken(TWICE),
        "unrecorded": verdict.broken(UNRECORDED),
        "unsettled": verdict.broken(UNSETTLED),
        "violations": len(verdict.violations),
    }
    return [
        _case("faults", outcome.made, f"none: faults that were made, at commit {outcome.commit}"),
        *(_case(name, count, _NONE, must_be_zero=True) for name, count in counted.items()),
    ]


def text(outcome: Outcome) -> str:
    """For a person."""
    verdict, settle = outcome.verdict, outcome.verdict.settle
    lines = [
        f"commit {outcome.commit}, seed {outcome.plan.seed}, {outcome.seconds:.0f} s: {outcome.made} faults",
        f"starts of targets: {verdict.effects}, attempts: {sum(verdict.attempts.values())}",
        f"faults ended: {_listed(verdict.endings)}",
        f"attempts ended: {_listed(verdict.attempts)}",
        f"workflows of agents: {_listed(Counter(one['kind'] for one in verdict.record.agents))}",
        f"killed and frozen: {_listed(outcome.deeds)}",
        f"take-overs: {len(settle)}, seconds after the lease {_spread(settle)}",
        *(f"skipped: {one}" for one in outcome.skipped),
        f"violations: {len(verdict.violations)}",
        *(f"  {one.invariant}: {one.about}: {one.detail}" for one in verdict.violations[:_SHOWN]),
    ]
    return "\n".join(lines)


def write(outcome: Outcome, folder: Path) -> None:
    """All of it as JSON, in the campaign's folder."""
    verdict = outcome.verdict
    told = {
        "commit": outcome.commit,
        "plan": vars(outcome.plan),
        "faults": outcome.made,
        "seconds": round(outcome.seconds),
        "endings": verdict.endings,
        "attempts": verdict.attempts,
        "effects": verdict.effects,
        "workflows": Counter(one["kind"] for one in verdict.record.agents),
        "deeds": outcome.deeds,
        "take_overs": len(verdict.settle),
        "skipped": list(outcome.skipped),
        "violations": [one._asdict() for one in verdict.violations],
    }
    (folder / "report.json").write_text(json.dumps(told, indent=1, default=str), encoding="utf-8")


def _case(name: str, figure: float, what: str, *, must_be_zero: bool = False) -> Case:
    return Case(name=name, unit="", ours=(figure,), what_other=what, must_be_zero=must_be_zero)


def _listed(counts: object) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(dict(counts).items())) or "none"  # type: ignore[call-overload]


def _spread(found: Sequence[float]) -> str:
    if len(found) < 2:  # noqa: PLR2004 - quantiles need two
        return "-"
    return f"median {median(found):.2f}, p95 {quantiles(found, n=20)[-1]:.2f}, most {found[-1]:.2f}"

"""What a benchmark finds: one `Case` per figure, as a table for a person and as one line of JSON for a program."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

_HEADINGS = ("case", "unit", "rounds", "ours min", "median", "max", "other min", "median", "max", "ratio")
_DIGITS = 4


@dataclass(frozen=True, kw_only=True)
class Case:
    """One figure, measured several times.

    Attributes:
        name: as in DESIGN: `one`, `process-serving`.
        unit: of all figures: `s`, `per second`.
        ours: one figure per round.
        other: the same of the other side; empty where there is none.
        what_other: what exactly the other side is, or why there is none.
        must_be_zero: whether any other figure is a failure.
    """

    name: str
    unit: str
    ours: tuple[float, ...]
    other: tuple[float, ...] = ()
    what_other: str
    must_be_zero: bool = False

    @property
    def ratio(self) -> float | None:
        """The median of ours as a multiple of the other side's; None without another side, or where that is 0."""
        return median(self.ours) / median(self.other) if self.other and median(self.other) else None

    def as_json(self) -> dict[str, Any]:
        """The case as the JSON line tells it: medians."""
        return {
            "case": self.name,
            "ours": _rounded(median(self.ours)),
            "other": _rounded(median(self.other)) if self.other else None,
            "what_other": self.what_other,
            "ratio": None if self.ratio is None else _rounded(self.ratio),
            "unit": self.unit,
            "rounds": len(self.ours),
        }


def line(name: str, cases: Sequence[Case]) -> str:
    """The whole benchmark as one line of JSON."""
    return json.dumps({"name": name, "cases": [case.as_json() for case in cases]})


def table(cases: Sequence[Case]) -> str:
    """The cases with their spread, and below them what each was compared with."""
    rows = [_HEADINGS, *(_row(case) for case in cases)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(_HEADINGS))]
    lines = ["  ".join(_padded(row, widths)).rstrip() for row in rows]
    return "\n".join([*lines, "", *(f"{case.name}: other = {case.what_other}" for case in cases)])


def _row(case: Case) -> tuple[str, ...]:
    ratio = "-" if case.ratio is None else f"{case.ratio:.2f}"
    return (case.name, case.unit, str(len(case.ours)), *_spread(case.ours), *_spread(case.other), ratio)


def _spread(figures: Sequence[float]) -> tuple[str, str, str]:
    if not figures:
        return "-", "-", "-"
    return _shown(min(figures)), _shown(median(figures)), _shown(max(figures))


def _padded(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    """Words to the left, figures to the right."""
    words = 2
    return [
        cell.ljust(width) if place < words else cell.rjust(width)
        for place, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]


def _shown(figure: float) -> str:
    return f"{_rounded(figure):,.{0 if abs(figure) >= 100 else 3}f}"  # noqa: PLR2004  a matter of taste


def _rounded(figure: float) -> float:
    """Four significant digits: the fifth is noise in every figure here."""
    return float(f"{figure:.{_DIGITS}g}")

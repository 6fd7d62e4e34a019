"""Small pictures as SVG, drawn here: no script, no image file. Each says in words what it shows."""

from collections.abc import Sequence

from markupsafe import Markup

from selfheal.model.rate import DayOfHeals

_SQUARE, _GAP = 12, 3
_WIDTH, _HEIGHT = 160, 32


def window(results: Sequence[bool], size: int) -> Markup:
    """A breaker's window as squares, the oldest first; a failure is crossed, an empty place is an outline."""
    failed = results.count(False)
    label = f"the last {len(results)} of {size} results: {len(results) - failed} good, {failed} failed"
    kinds = ["good" if good else "bad" for good in results] + ["empty"] * (size - len(results))
    shapes = Markup().join(_square(n, kind) for n, kind in enumerate(kinds))
    width = size * (_SQUARE + _GAP) - _GAP
    return Markup('<svg class="window" role="img" aria-label="{}" width="{}" height="{}">{}</svg>').format(
        label, width, _SQUARE, shapes
    )


def _square(place: int, kind: str) -> Markup:
    x = place * (_SQUARE + _GAP)
    square = Markup('<rect class="{}" x="{}" y="0.5" width="11" height="11" rx="2"/>').format(kind, x + 0.5)
    if kind == "bad":
        square += Markup('<path class="cross" d="M{} 3.5l5 5m0-5l-5 5"/>').format(x + 3.5)
    return square


def bar(share: float, label: str) -> Markup:
    """A share of one as a bar."""
    return Markup(
        '<svg class="bar" role="img" aria-label="{}" viewBox="0 0 100 8" preserveAspectRatio="none">'
        '<rect class="ground" width="100" height="8"/><rect class="good" width="{:.1f}" height="8"/></svg>'
    ).format(label, 100 * min(1.0, max(0.0, share)))


def trend(days: Sequence[DayOfHeals]) -> Markup:
    """The mean time to recovery of each day as columns; at least one day."""
    highest = max(one.mttr_s for one in days) or 1.0
    first, last = days[0].day, days[-1].day
    places = (last - first).days + 1
    step = min(_WIDTH / places, 12.0)
    columns = Markup().join(
        Markup('<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
            (one.day - first).days * step,
            _HEIGHT - max(2.0, _HEIGHT * one.mttr_s / highest),
            step - 2,
            max(2.0, _HEIGHT * one.mttr_s / highest),
        )
        for one in days
    )
    label = f"mean time to recovery by day, {first:%d %b} to {last:%d %b}; the longest {highest:.1f} s"
    return Markup('<svg class="trend" role="img" aria-label="{}" width="{:.0f}" height="{}">{}</svg>').format(
        label, places * step, _HEIGHT, columns
    )

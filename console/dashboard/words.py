"""How values are told on a page: times, durations, dollars, and which mark goes with a word."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86400
_TONES = {
    "good": "OPERATIONAL HEALED SUCCESS CLOSED RECOVERED watching well ADMITTED APPROVED USED PRESENT healthy complete"
    " ran HIT PREVENTED",
    "bad": "DOWN FAILED NOT_HEALED OPEN NEEDS_PERSON missing behind bad FORCED_OPEN DENIED"
    " critical failed blocked PERSON late MISS",
    "doubt": "DEGRADED UNKNOWN ROLLED_BACK RUNNING PENDING HALF_OPEN held busy FORCED_CLOSED EXPIRED OVERTAKEN CHANGED"
    " degraded COULD_NOT_TELL STUCK EARLY STANDS",
}
TONE = {word: tone for tone, words in _TONES.items() for word in words.split()}
MARKS = {"good": "●", "bad": "▲", "doubt": "◆", "plain": "○"}
"""A shape beside each colour: nobody has to see the colour."""


def tone(word: str | None) -> str:
    """good, bad, doubt or plain."""
    return TONE.get(word or "", "plain")


def word(value: object, shown: str = "") -> Markup:
    """A status as a word with its mark."""
    name = str(getattr(value, "value", value) or "none")
    kind = tone(name)
    told = shown or name.replace("_", " ").lower()
    return Markup('<span class="word {}"><span aria-hidden="true">{}</span> {}</span>').format(kind, MARKS[kind], told)


def moment(at: datetime | None) -> Markup:
    """A time in UTC, which the script completes with the local one."""
    if at is None:
        return Markup('<span class="none">-</span>')
    utc = at.astimezone(UTC)
    exact = utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(
        exact, f"{utc:%Y-%m-%d %H:%M:%S}", f"{utc:%d %b %H:%M:%S}"
    )


def seconds(value: float | None) -> str:
    """A duration in a fitting unit."""
    if value is None:
        return "-"
    if value < 2 * MINUTE_S:
        return f"{value:.1f} s"
    if value < 2 * HOUR_S:
        return f"{value / MINUTE_S:.0f} min"
    return f"{value / HOUR_S:.0f} h" if value < 2 * DAY_S else f"{value / DAY_S:.0f} days"


def since(at: datetime, now: datetime) -> str:
    """How long ago, roughly."""
    return seconds(max(0.0, float(round((now - at).total_seconds())))).replace(".0 s", " s")


def between(begin: datetime | None, end: datetime | None) -> str:
    """From one moment to another."""
    return "-" if begin is None or end is None else seconds((end - begin).total_seconds())


def dollars(value: float | None) -> str:
    """A sum."""
    return "-" if value is None else f"{'-' if value < 0 else ''}${abs(value):,.0f}"


def percent(share: float | None) -> str:
    """A share of one."""
    return "-" if share is None else f"{share:.0%}"


def pretty(value: Mapping[str, Any] | None) -> str:
    """What is stored as JSON, for reading."""
    return json.dumps(dict(value or {}), indent=2, ensure_ascii=False, default=str)


FILTERS: Mapping[str, Callable[..., object]] = {
    "word": word,
    "moment": moment,
    "seconds": seconds,
    "since": since,
    "dollars": dollars,
    "percent": percent,
    "pretty": pretty,
    "tone": tone,
}

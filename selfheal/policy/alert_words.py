"""What messages about several alerts say, in one sentence each."""

from collections.abc import Sequence
from datetime import datetime

from selfheal.model.alert import Episode, OpenAlert

_NAMED = 5
_LONGEST = 300


def summary(episode: Episode, waiting: Sequence[OpenAlert]) -> str:
    """So many more came than were told one by one."""
    more = f"{episode.held} more alert{_s(episode.held)} of {episode.group} since {episode.window_began:%H:%M} UTC"
    gone = episode.held - len(waiting)
    ended = f", {gone} of them over by now" if gone > 0 else ""
    return f"{more}{ended}: {_names(waiting)}" if waiting else f"{more}, all of them over by now"


def reminder(alerts: Sequence[OpenAlert], now: datetime) -> str:
    """It is still open."""
    first = min(one.raised_at for one in alerts)
    since = f"for {_lasted((now - first).total_seconds())}"
    if len(alerts) == 1:
        return f"still open {since}, and nobody has it: {alerts[0].message}"
    return f"{len(alerts)} alerts of {alerts[0].group} are still open, the first {since}: {_names(alerts)}"


def acknowledged(alerts: Sequence[OpenAlert]) -> str:
    """Somebody has it."""
    first = alerts[0]
    what = first.message if len(alerts) == 1 else f"{len(alerts)} alerts of {first.group}"
    return f"{first.acknowledged_by} has it: {first.acknowledged_why} ({what})"


def over(episode: Episode, ended: Sequence[OpenAlert], worse: Sequence[OpenAlert] = ()) -> str:
    """Nothing of it is left; the one that is left over is told in its own words. What is worse now is not over."""
    if worse:
        return f"it is {worse[-1].severity} now: {worse[-1].message}"
    if episode.total > 1:
        return (
            f"over: all {episode.total} alerts of {episode.group}, the last: {ended[-1].message}"
            if ended
            else (f"over: all {episode.total} alerts of {episode.group}")
        )
    if not ended:
        return f"over: {episode.group}"
    last = ended[-1]
    if last.acknowledged_by:
        return f"over: {last.acknowledged_by} acknowledged it: {last.acknowledged_why} ({last.message})"
    return f"over: {last.message}"


def _names(alerts: Sequence[OpenAlert]) -> str:
    """The first few, each in a few words."""
    named = "; ".join(one.message[: _LONGEST // 3] for one in alerts[:_NAMED])
    return f"{named}; and {len(alerts) - _NAMED} more" if len(alerts) > _NAMED else named


def _lasted(seconds: float) -> str:
    minutes = int(seconds // 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def _s(count: int) -> str:
    return "" if count == 1 else "s"

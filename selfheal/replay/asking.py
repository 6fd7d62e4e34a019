"""From words to a question: for the command line and for the form of the flow."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from pydantic import TypeAdapter, ValidationError

from selfheal.model.errors import Permanent
from selfheal.model.replay import Rule
from selfheal.policy.names import nearest
from selfheal.replay.changes import changed, differences
from selfheal.replay.question import Question
from selfheal.settings.estate import Settings
from selfheal.settings.values import Duration

_OLDEST = datetime(2000, 1, 1, tzinfo=UTC)
_RULES = [one.value for one in Rule]


def _usual(changes: Sequence[str]) -> frozenset[Rule]:
    """The rules that are replayed where nobody names any: to foretell takes minutes, and is left out in vain."""
    foretells = any(one.strip().startswith("prediction.") for one in changes)
    return frozenset(Rule) if foretells else frozenset(Rule) - {Rule.FORETOLD}


def moment_of(words: str, now: datetime) -> datetime:
    """So long ago, or a time, of UTC without an offset; what lies ahead is now, and nothing is older than 2000.

    Raises:
        Permanent: it is neither; says how to write it.
    """
    try:
        at = datetime.fromisoformat(words)
    except ValueError:
        return now - _duration(words)
    return max(min(at if at.tzinfo else at.replace(tzinfo=UTC), now), _OLDEST).astimezone(UTC)


def _duration(words: str) -> timedelta:
    try:
        return TypeAdapter[timedelta](Duration).validate_python(words)
    except ValidationError as error:
        said = str(error.errors()[0]["msg"]).removeprefix("Value error, ")
        raise Permanent(
            f"{words[:100]!r} is no time, and {said}",
            hint='write it like "30 d", 2026-11-01 or "2026-11-01 08:00+01:00"; without an offset it is of UTC',
        ) from None


def question_of(  # noqa: PLR0913 - each is an option
    settings: Settings,
    *,
    since: datetime,
    until: datetime,
    changes: Sequence[str] = (),
    component: str = "",
    rules: Sequence[str] = (),
) -> Question:
    """What is asked.

    Args:
        settings: as they are.
        since: from then
        until: to then.
        changes: each `path=value`.
        component: only of this one; empty: of all.
        rules: only these; none: all.

    Raises:
        Permanent: something of it makes no sense; says what.
    """
    if since >= until:
        raise Permanent("there is nothing between the beginning and the end", hint="give an earlier --since")
    known = settings.catalogue()
    if component and component not in known:
        raise Permanent(f"no component is named {component[:100]!r}{nearest(component, known)}")
    for name in rules:
        if name not in _RULES:
            raise Permanent(f"no rule is named {name[:100]!r}{nearest(name, _RULES)}")
    would = changed(settings, changes)
    return Question(
        since=since,
        until=until,
        was=settings,
        would=would,
        changes=differences(settings, would, changes),
        component=component,
        rules=frozenset(Rule(name) for name in rules) or _usual(changes),
    )

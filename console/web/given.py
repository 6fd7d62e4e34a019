"""What a person has given with what they ask for: as it is meant, or refused before anything is changed."""

from datetime import UTC, datetime, timedelta

from selfheal.model.errors import Permanent

LONGEST_WHY = 500
LONGEST_PATTERN = 200
LONGEST = timedelta(days=366)


class WrongInput(Permanent):
    """What was given cannot be meant; nothing was changed."""


def reason(why: str) -> str:
    """Why, in one line; it must be said."""
    why = " ".join(why.split())
    if not why:
        raise WrongInput("no reason is given", hint="say why; it is recorded, and told to whom it concerns")
    if len(why) > LONGEST_WHY:
        raise WrongInput(f"the reason is longer than {LONGEST_WHY} characters")
    return why


def pattern(words: str) -> str:
    """Which alerts."""
    words = words.strip()
    if not words or len(words) > LONGEST_PATTERN:
        raise WrongInput(
            "which alerts is not said",
            hint="a key, a group, a component, or a pattern with *, of 200 characters at most",
        )
    return words


def bounded(lasts: timedelta | None) -> timedelta | None:
    """How long; None: no end was given."""
    if lasts is not None and not timedelta(0) < lasts <= LONGEST:
        raise WrongInput("it lasts longer than nothing, and at most a year")
    return lasts


def aware(moment: datetime) -> datetime:
    """When, in UTC."""
    if moment.tzinfo is None:
        raise WrongInput("the time has no zone", hint="write it like 2026-12-01T22:00:00+01:00")
    return moment.astimezone(UTC)

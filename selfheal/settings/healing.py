"""How the estate is watched, and how heals are admitted and begun."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from selfheal.model.admission import Limits
from selfheal.model.trigger import Priority
from selfheal.settings.values import Duration, Lease, Section, Turn


class Healing(Section):
    """How heals are admitted and carried out."""

    allow: frozenset[str] = frozenset()
    """Names of the components that may be healed. Empty: everything is observed, nothing is healed."""
    lease: Lease = timedelta(seconds=60)
    """How long an attempt belongs to its process without being renewed, from 1 s to 10 min; then
    another one settles it."""
    cooldown: Duration = timedelta(minutes=10)
    """After a failed attempt the same action leaves the same target alone for so long; doubled each time."""
    longest_cooldown: Duration = timedelta(hours=24)
    """The doubling ends here."""
    flap: Duration = timedelta(minutes=10)
    """A second heal of the same target within this time also begins a cool-down."""
    attempts_per_action: Annotated[int, Field(ge=1, le=100)] = 3
    """So many attempts of one action on one target within `attempts_within` (24 h) that failed, or did not hold; then
    the next rung."""
    attempts_per_fault: Annotated[int, Field(ge=1, le=100)] = 5
    """So many attempts on one fault within `attempts_within` (24 h); then a person must look."""
    attempts_within: Duration = timedelta(hours=24)
    """What ended longer ago counts no more: neither as an attempt, nor for a cool-down."""
    parents_first: Duration = timedelta(minutes=10)
    """A sick component keeps what depends on it waiting for so long; then that is healed all the same."""
    at_once: Annotated[int, Field(ge=1, le=64)] = 3
    """So many heals are under way at the same time; a CRITICAL one has one more place."""
    in_10_minutes: Annotated[int, Field(ge=1, le=10_000)] = 10
    """So many heals begin within `short_window` (10 minutes), over the whole estate."""
    in_an_hour: Annotated[int, Field(ge=1, le=100_000)] = 30
    """So many heals begin within `long_window` (an hour), over the whole estate."""
    short_window: Duration = timedelta(minutes=10)
    """In this time `in_10_minutes` are counted."""
    long_window: Duration = timedelta(hours=1)
    """In this time `in_an_hour` are counted."""
    group_share: Annotated[float, Field(gt=0, le=1)] = 0.2
    """Of a group of `group_from` components or more, at most this share is being healed at the same time."""
    group_from: Annotated[int, Field(ge=1)] = 10
    """See `group_share`."""
    storm_group: Annotated[int, Field(ge=0)] = 5
    """So many sick components, and more than half of their group, are a storm: new heals wait. 0: never."""
    storm_estate: Annotated[int, Field(ge=0)] = 10
    """So many sick components over the estate are a storm: new heals wait. 0: never."""
    storm_within: Duration = timedelta(minutes=5)
    """They became sick within this time."""
    storm_quiet: Duration = timedelta(minutes=10)
    """A storm ends after so long without a new fault, or when a person lets heals begin again."""
    stale: Duration = timedelta(seconds=60)
    """What was looked at longer ago is looked at again before anything is done."""
    approval: Duration = timedelta(hours=1)
    """A person who is asked (mode approve) has so long to answer; then the question expires."""
    approval_use: Turn = timedelta(minutes=10)
    """What a person approved begins within this time, from 500 ms to 1 h, or not at all."""

    def limits(self) -> Limits:
        """What admission never exceeds."""
        return Limits(
            lease=self.lease,
            cooldown=self.cooldown,
            flap=self.flap,
            per_action=self.attempts_per_action,
            per_fault=self.attempts_per_fault,
            at_once=self.at_once,
            in_10_min=self.in_10_minutes,
            in_hour=self.in_an_hour,
            group_share=self.group_share,
            group_from=self.group_from,
            storm_group=self.storm_group,
            storm_estate=self.storm_estate,
            storm_within=self.storm_within,
            storm_quiet=self.storm_quiet,
            stale=self.stale,
            short_window=self.short_window,
            long_window=self.long_window,
            approval=self.approval,
            attempts_within=self.attempts_within,
            longest_cooldown=self.longest_cooldown,
            parents_first=self.parents_first,
        )


class Starts(Section):
    """A heal begins within this time after its fault was seen; else that is counted, and a person is told once."""

    critical: Duration = timedelta(minutes=1)
    """A container or the broker is down, or what an operator calls critical."""
    high: Duration = timedelta(minutes=5)
    """Another service is down."""
    medium: Duration = timedelta(minutes=30)
    """Errors in a log, a file that cannot be read."""
    low: Duration = timedelta(hours=4)
    """Orphans, retention."""

    def within(self) -> dict[Priority, timedelta]:
        """The same by priority."""
        return {
            Priority.CRITICAL: self.critical,
            Priority.HIGH: self.high,
            Priority.MEDIUM: self.medium,
            Priority.LOW: self.low,
        }


class Watching(Section):
    """How the estate is watched."""

    sweep: Turn = timedelta(seconds=5)
    """Every component is looked at this often, from 500 ms to 1 h."""
    strikes: Annotated[int, Field(ge=1, le=100)] = 3
    """So many sick looks in a row make a component DOWN. An end and Docker's `unhealthy` are certain at once."""
    recoveries: Annotated[int, Field(ge=1, le=100)] = 2
    """So many healthy looks in a row make it OPERATIONAL again."""
    reconcile: Turn = timedelta(seconds=30)
    """What a dead or frozen healer left behind is settled this often, from 500 ms to 1 h."""
    platform_grace: Duration = timedelta(seconds=10)
    """What Docker restarts by itself is left to Docker for so long, then healed if that has not helped."""

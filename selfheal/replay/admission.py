"""Admission as a pure function of what a replay knows: the limits of `v0001_admission.sql`, in the same order.

The SQL decides in production, in one transaction and under a lock; a replay has no rows to lock. A test puts the same
past before both and compares their answers. What only persons do (approvals, a storm's go, modes written by hand) is
not here; the callers say so.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from uuid import UUID, uuid5

from selfheal.model.admission import Answer, Decision, Limits, Place, Rung
from selfheal.model.breaker import Breaker, Denial, Permit, State, Thresholds
from selfheal.model.breaker_event import Ask, Result
from selfheal.model.recorded import Hold
from selfheal.model.trigger import Priority
from selfheal.policy.breaker import advance
from selfheal.policy.breaker_names import heal_breaker
from selfheal.replay.ahead import AGAIN, DAY, refuse_ahead, too_many_ahead
from selfheal.replay.faults import Fault, Heal, Storm

_SOON = timedelta(seconds=5)
_NAMES = UUID(int=0)


@dataclass
class Desk:
    """Where triggers of a replay are admitted or refused; times must not go back.

    Attributes:
        limits: never exceeded.
        thresholds: of the breakers of actions.
        holds: pauses and maintenance windows.
        faults: what is sick.
        heals: that began.
        storms: that are not over.
    """

    limits: Limits
    thresholds: Thresholds
    holds: Sequence[Hold] = ()
    faults: list[Fault] = field(default_factory=list)
    heals: list[Heal] = field(default_factory=list)
    storms: list[Storm] = field(default_factory=list)
    _breakers: dict[str, Breaker] = field(default_factory=dict)

    def open(self, component: str, place: Place, since: datetime, *, now: datetime) -> Fault:
        """A new fault, which may make a storm; what counts for nothing any more is forgotten."""
        limits = self.limits
        oldest = now - max(limits.attempts_within, limits.long_window, limits.short_window, DAY)
        self.heals = [one for one in self.heals if one.ended_at is None or one.ended_at > oldest]
        fault = Fault(component=component, place=place, since=since)
        self.faults = [*self._open(), fault]
        self._note_storm(place, now)
        return fault

    def known(self, target: str) -> Fault | None:
        """The open fault of a target; None: it has none."""
        return next((one for one in self._open() if one.place.target == target), None)

    def ask(
        self, fault: Fault, priority: Priority, rungs: Sequence[Rung], *, now: datetime, approved: bool = False
    ) -> Heal | Answer:
        """A heal that begins now, or the refusal; `approved`: a person would say yes to an action that asks them."""
        refusal = self._held(fault, now) or self._before(fault, now)
        if refusal is None and fault.foretold:
            refusal = refuse_ahead(fault, self._open(), self.heals, now=now)
        refusal = refusal or self._spent(fault, now)
        if refusal is not None:
            return refusal
        rung = self._rung(fault, rungs, now)
        if isinstance(rung, Answer):
            fault.person = fault.person or rung.decision is Decision.ATTEMPTS_EXHAUSTED
            return rung
        refusal = self._storm(fault, priority, now) or self._too_many(fault, priority, now)
        if refusal is not None:
            return refusal
        if rung.mode == "approve" and not approved:
            return _refused(Decision.AWAITING_APPROVAL, "a person is asked", now + self.limits.approval)
        permit = None if fault.foretold else self._permit(rung.action, now)
        if isinstance(permit, Denial):
            return _refused(Decision.CIRCUIT_OPEN, permit.reason, permit.retry_at)
        heal = Heal(fault=fault, action=rung.action, began_at=now, permit=permit)
        self.heals.append(heal)
        return heal

    def end(self, heal: Heal, *, now: datetime, healed: bool, acted: bool = True, unknown: bool = False) -> None:
        """A heal has ended, and its breaker is told."""
        heal.ended_at, heal.healed, heal.acted, heal.unknown = now, healed, acted, unknown
        heal.fault.closed = heal.fault.closed or healed
        if heal.permit is not None and acted:
            event = Result(at=now, permit=heal.permit, success=healed, chance=0.0)
            self._breakers[heal.action], _ = advance(self._breaker(heal.action), event, self.thresholds)

    def _open(self) -> list[Fault]:
        return [one for one in self.faults if not one.closed]

    def _active(self) -> list[Heal]:
        return [one for one in self.heals if one.ended_at is None]

    def _held(self, fault: Fault, now: datetime) -> Answer | None:
        """By a pause, or by a maintenance window."""
        scopes = {("estate", ""), ("group", fault.place.group), ("component", fault.component)}
        for one in sorted(self.holds, key=lambda hold: hold.what != Decision.PAUSED):
            lasts = one.begins_at <= now and (one.ends_at is None or one.ends_at > now)
            if lasts and (one.scope, one.name) in scopes:
                paused = one.what == Decision.PAUSED
                return _refused(Decision(one.what), f"{one.scope} {one.name}".strip(), None if paused else one.ends_at)
        return None

    def _before(self, fault: Fault, now: datetime) -> Answer | None:
        """A heal of the same target, or what it depends on, which comes first."""
        place = fault.place
        for one in sorted(self._active(), key=lambda heal: heal.fault.place.target != place.target):
            if one.fault.place.target in {place.target, *place.parents}:
                own = one.fault.place.target == place.target
                again = now + (self.limits.lease if own and not one.fault.foretold else _SOON)
                return _refused(Decision.ALREADY_HEALING, f"{one.fault.component} is being healed", again)
        first = now - self.limits.parents_first
        for parent in self._open():
            if parent.place.target in place.parents and not parent.person and parent.since > first:
                return _refused(Decision.ALREADY_HEALING, f"{parent.component} comes first", now + _SOON)
        return None

    def _spent(self, fault: Fault, now: datetime) -> Answer | None:
        limits = self.limits
        count = sum(one.fault is fault and one.acted for one in self._ended(now))
        if count < limits.per_fault:
            return None
        fault.person = True
        return _refused(Decision.ATTEMPTS_EXHAUSTED, f"{limits.per_fault} attempts on this fault", None)

    def _rung(self, fault: Fault, rungs: Sequence[Rung], now: datetime) -> Rung | Answer:
        """The first of the ladder that may be tried: neither exhausted, nor cooling down, nor denied by its breaker."""
        cooling: datetime | None = None
        opening: datetime | None = None
        denied = held = spent = False
        for rung in rungs:
            if rung.mode in {"observe", "shadow"}:
                held = True
                continue
            tried, until = self._tried(fault, rung.action, now)
            if tried >= self.limits.per_action:
                spent = True
                continue
            if until is not None and until > now:
                cooling = min(cooling or until, until)
                continue
            breaker = self._breaker(rung.action)
            if _denies(breaker, fault, now):
                denied, opening = True, min(filter(None, (opening, breaker.open_until)), default=None)
                continue
            return rung
        if cooling is not None:
            return _refused(Decision.COOLDOWN, "cooling down", cooling)
        if denied:
            return _refused(Decision.CIRCUIT_OPEN, "its breaker is open", opening)
        if held and not spent:
            return _refused(Decision.NOT_ALLOWED, "its mode does not let it act", None)
        return _refused(Decision.ATTEMPTS_EXHAUSTED, f"{self.limits.per_action} attempts of each action", None)

    def _tried(self, fault: Fault, action: str, now: datetime) -> tuple[int, datetime | None]:
        """How many attempts of an action on a target are spent, and how long it cools down."""
        limits = self.limits
        past = [
            one
            for one in self._ended(now)
            if one.fault.place.target == fault.place.target
            and one.action == action
            and (fault.foretold or not one.fault.foretold)
        ]
        past.sort(key=lambda one: one.ended_at or now)
        before = [None, *(one for one, _ in pairwise(past))]
        counting = [
            one
            for one, last in zip(past, before, strict=False)
            if (one.fault.person and not one.fault.closed)
            or (one.acted and (not one.healed or _flapped(one, last, limits.flap)))
        ]
        if not counting:
            return 0, None
        length = min(limits.cooldown * 2 ** min(len(counting) - 1, 20), limits.longest_cooldown)
        latest = max(one.ended_at or now for one in counting)
        return sum(one.acted for one in counting), latest + length

    def _ended(self, now: datetime) -> list[Heal]:
        """The heals that ended, and are not forgotten yet."""
        since = now - self.limits.attempts_within
        return [one for one in self.heals if one.ended_at is not None and one.ended_at > since]

    def _storm(self, fault: Fault, priority: Priority, now: datetime) -> Answer | None:
        if priority is Priority.CRITICAL and not any(one.place.target in fault.place.parents for one in self._open()):
            return None
        for one in self.storms:
            if one.group in {"", fault.place.group} and one.quiet_at > now:
                return _refused(Decision.STORM, "too much is sick at once", one.quiet_at)
        return None

    def _note_storm(self, place: Place, now: datetime) -> None:
        limits = self.limits
        self.storms = [one for one in self.storms if one.quiet_at > now]
        for one in self.storms:
            if one.group in {"", place.group}:
                one.quiet_at = now + limits.storm_quiet
        wanted = {"": limits.storm_estate} if limits.storm_estate else {}
        if place.group and limits.storm_group:
            wanted[place.group] = max(limits.storm_group, place.group_size // 2 + 1)
        new = [one for one in self._open() if one.since > now - limits.storm_within]
        for group, fewest in wanted.items():
            sick = sum(group in {"", one.place.group} for one in new)
            if sick >= fewest and all(one.group != group for one in self.storms):
                self.storms.append(Storm(group=group, quiet_at=now + limits.storm_quiet))

    def _too_many(self, fault: Fault, priority: Priority, now: datetime) -> Answer | None:
        limits, place, left = self.limits, fault.place, int(fault.foretold)
        active = self._active()
        beside = sum(bool(place.group) and one.fault.place.group == place.group for one in active)
        share = max(1, int(limits.group_share * place.group_size))
        if len(active) >= limits.at_once - left + (priority is Priority.CRITICAL and not left):
            again = AGAIN if left else _SOON
            return _refused(Decision.BLAST_RADIUS, f"{len(active)} heals are under way", now + again)
        if place.group_size >= limits.group_from and beside >= share:
            return _refused(Decision.BLAST_RADIUS, f"{beside} of {place.group} are being healed", now + _SOON)
        for most, window in ((limits.in_10_min, limits.short_window), (limits.in_hour, limits.long_window)):
            begun = sorted((one.began_at for one in self.heals if one.began_at > now - window), reverse=True)
            free = max(most - left, 1)
            if len(begun) >= free:
                return _refused(Decision.BLAST_RADIUS, f"{free} heals began lately", begun[free - 1] + window)
        return too_many_ahead(fault, self.heals, limits, now=now) if fault.foretold else None

    def _breaker(self, action: str) -> Breaker:
        return self._breakers.get(action) or Breaker(name=heal_breaker(action))

    def _permit(self, action: str, now: datetime) -> Permit | Denial:
        event = Ask(at=now, permit=uuid5(_NAMES, f"{action} {len(self.heals)}"))
        self._breakers[action], answer = advance(self._breaker(action), event, self.thresholds)
        return answer if answer is not None else Denial(reason="its breaker did not answer")


def _denies(breaker: Breaker, fault: Fault, now: datetime) -> bool:
    """Whether it lets nothing begin now; what is only foretold is no probe for one that is not closed."""
    if fault.foretold and breaker.state is not State.CLOSED:
        return True
    return breaker.open_until is not None and breaker.open_until > now


def _flapped(one: Heal, last: Heal | None, flap: timedelta) -> bool:
    """Whether it was sick again soon after the same action had ended."""
    return last is not None and last.ended_at is not None and one.fault.since - last.ended_at < flap


def _refused(decision: Decision, reason: str, retry_at: datetime | None) -> Answer:
    return Answer(decision=decision, reason=reason, retry_at=retry_at)

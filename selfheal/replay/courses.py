"""How alarms go on under the limits of admission, all of the estate in one order of time.

A heal that was recorded ends as it did then, the first of an alarm as the first, and takes as long. Of a heal that
nobody tried nothing is known: it takes as long as its action usually did, and counts by its action's success rate.
"""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from selfheal.model.admission import Answer, Decision, Place, Refusal, Rung
from selfheal.model.prediction import Outcome
from selfheal.model.recorded import Tried
from selfheal.model.replay import Alarm, Course, End, Rule, Verdict
from selfheal.policy.admission import refuse_ladder, refuse_target
from selfheal.policy.places import depths, place_of
from selfheal.policy.raising import pause_after, pause_foretold
from selfheal.policy.triggers import URGENCY
from selfheal.protocol.deciding import INVESTIGATE
from selfheal.replay.admission import Desk
from selfheal.replay.ahead import CAP
from selfheal.replay.bounds import Bounds, Record, action_of, during, for_nothing
from selfheal.replay.faults import Fault, Heal

_PERSON = timedelta(hours=1)
"""So long after what a recorded attempt has ended somebody would have mended it by hand."""
_USUAL = timedelta(seconds=10)
"""A heal of an action that was never tried takes so long."""


@dataclass(kw_only=True)
class _Going:
    """An alarm on its way."""

    alarm: Alarm
    place: Place
    rungs: Sequence[Rung]
    past: Sequence[Tried]
    nothing: bool
    fault: Fault | None = None
    owns: bool = False
    triggers: int = 0
    heals: list[Heal] = field(default_factory=list)
    refusals: dict[str, None] = field(default_factory=dict)
    caps: dict[str, None] = field(default_factory=dict)
    prevented: set[str] = field(default_factory=set)
    dollars: float = 0.0
    lost: float = 0.0
    failed: int = 0
    harmed: int = 0
    guessed: int = 0
    chain: int = 0
    done: bool = False

    def over(self, now: datetime) -> bool:
        """Whether nothing is raised any more."""
        if self.alarm.end is End.MOMENT:
            return self.triggers > 0
        if self.foretold:
            return self.done or (self.alarm.stands_until is not None and self.alarm.stands_until <= now)
        return self.done or (self.last is not None and self.last < now)

    def like(self, action: str) -> Tried | None:
        """The last recorded attempt of this action on it, else the last of any; None: nothing was tried."""
        same = [one for one in self.past if one.action == action]
        return next(iter([*same[-1:], *self.past[-1:]]), None)

    @property
    def foretold(self) -> bool:
        """Whether nothing is sick."""
        return self.alarm.rule is Rule.FORETOLD

    @property
    def last(self) -> datetime | None:
        """Until then it lasts. What only an attempt ended would have gone on without it, until a person came."""
        end = self.alarm.ended_at
        return end + _PERSON if end is not None and self.alarm.end is End.HEALED else end


class Courses:
    """One replay of admission.

    Args:
        bounds: what it goes by.
        tried: by target, the attempts of the past in order.
        record: what they teach.
    """

    def __init__(self, bounds: Bounds, tried: Mapping[str, Sequence[Tried]], record: Record) -> None:
        self._bounds, self._tried, self._record = bounds, tried, record
        self._desk = Desk(bounds.limits, bounds.thresholds, bounds.holds)
        self._depths = depths(bounds.components)
        self._queue: list[tuple[datetime, int, int, int, int, Heal | int | None]] = []
        self._count = 0

    def run(self, alarms: Sequence[Alarm]) -> list[Course]:
        """The course of each, in the order of the alarms."""
        going = [self._going(one) for one in alarms]
        for number, one in enumerate(going):
            self._count += 1
            heapq.heappush(self._queue, (one.alarm.raised_at, _SEEN, 0, self._count, number, None))
            for chain, at in enumerate((one.alarm.raised_at, *one.alarm.again)):
                self._push(at + self._bounds.noted, number, one, chain)
            if one.last is not None:
                self._push_end(one.last, number)
        while self._queue:
            now, stage, _, _, number, what = heapq.heappop(self._queue)
            if now > self._bounds.until:
                break
            self._turn(going[number], number, now, stage, what)
        return [_course(one) for one in going]

    def _turn(self, one: _Going, number: int, now: datetime, stage: int, what: Heal | int | None) -> None:
        """One event: a heal or an alarm ends, a fault is seen, a trigger is raised."""
        if isinstance(what, Heal):
            self._settle(one, number, what, now)
        elif stage == _ENDED:
            self._close(one)
        elif stage == _SEEN:
            if one.alarm.confirmed and not one.foretold:
                self._open(one, now)
        elif isinstance(what, int) and what >= one.chain and not (one.triggers and one.over(now)):
            one.chain = what  # a next run of the watcher raises it in place of the one before
            self._ask(one, number, now)
            if one.over(now):
                self._close(one)

    def _going(self, alarm: Alarm) -> _Going:
        bounds = self._bounds
        component = bounds.components[alarm.component]
        past = self._tried.get(alarm.target, ())
        return _Going(
            alarm=alarm,
            place=place_of(component, bounds.components, bounds.allow),
            rungs=bounds.rungs(component, alarm.kind, alarm.about),
            past=during(alarm, past),
            nothing=for_nothing(alarm, component, past),
        )

    def _ask(self, one: _Going, number: int, now: datetime) -> None:
        """Raise a trigger, and see what is answered."""
        bounds, alarm = self._bounds, one.alarm
        one.triggers += 1
        door = refuse_target(alarm.component, bounds.components, bounds.allow)
        if door is None and not one.rungs:
            door = refuse_ladder(bounds.components[alarm.component], alarm.kind)
        if door is None and not alarm.confirmed:
            door = Refusal(decision=Decision.ALREADY_HEALTHY, reason=f"{alarm.component} is healthy")
        if door is None and alarm.end is End.RECOVERED and one.over(now):  # it is looked at again before it is healed
            door = Refusal(decision=Decision.ALREADY_HEALTHY, reason=f"{alarm.component} is healthy")
        if door is not None:
            self._refused(one, number, Answer(decision=door.decision, reason=door.reason), now)
            return
        fault = self._open(one, now)
        approved = len(one.heals) < len(one.past)
        answer = self._desk.ask(fault, alarm.priority, one.rungs, now=now, approved=approved)
        if isinstance(answer, Answer):
            self._refused(one, number, answer, now)
            return
        one.heals.append(answer)
        self._push_end(now + self._length(one, answer), number, answer)

    @staticmethod
    def _close(one: _Going) -> None:
        if one.fault is not None and one.owns and not one.done:
            one.fault.closed = True

    def _open(self, one: _Going, now: datetime) -> Fault:
        """Its fault, which is noted before any of its sweep is healed."""
        alarm = one.alarm
        if one.foretold:  # nothing is sick: it makes no storm, and nobody waits for it
            one.fault = one.fault or Fault(component=alarm.component, place=one.place, since=alarm.since, foretold=True)
            return one.fault
        if one.fault is None or one.fault.closed:
            one.fault = self._desk.known(alarm.target)
            one.owns = one.fault is None
        if one.fault is None:
            one.fault = self._desk.open(alarm.component, one.place, alarm.since, now=now)
        return one.fault

    def _refused(self, one: _Going, number: int, answer: Answer, now: datetime) -> None:
        one.refusals[answer.decision.value] = None
        if answer.decision is Decision.CIRCUIT_OPEN and not one.prevented and not one.nothing and not one.foretold:
            one.prevented.add(one.alarm.component)
            one.dollars += self._bounds.costs.failure
        if answer.reason.startswith(CAP):
            one.caps[answer.reason.removeprefix(CAP)] = None
        self._push(now + _pause(one, answer, now), number, one)

    def _length(self, one: _Going, heal: Heal) -> timedelta:
        known = self._recorded(one, heal)
        if known is not None and known.ended_at is not None:
            return known.ended_at - known.began_at
        return self._record.took.get(action_of(heal.action, foretold=one.foretold), _USUAL)

    def _recorded(self, one: _Going, heal: Heal) -> Tried | None:
        """What was recorded of it: the first heal of an alarm is the first attempt on it."""
        place = one.heals.index(heal)
        return one.past[place] if place < len(one.past) else None

    def _settle(self, one: _Going, number: int, heal: Heal, now: datetime) -> None:
        """A heal has ended: as it was recorded; else as those before it on this alarm, or, without any, well.

        What investigates hands the fault to a person by that.
        """
        known = self._recorded(one, heal)
        last = known or one.like(heal.action)
        healed, acted = (last.healed, last.acted) if last else (True, True)
        unknown = last is not None and last.unknown
        self._desk.end(heal, now=now, healed=healed, acted=acted, unknown=unknown)
        if heal.action == INVESTIGATE and not healed:
            heal.fault.person = True
        self._reckon(one, heal, known)
        one.failed += acted and not healed
        one.harmed += known is not None and known.harmed
        one.done = healed
        if not healed:
            at_once = one.foretold and not unknown  # the next rung
            answer = Answer(decision=Decision.ADMITTED, reason="", retry_at=now if at_once else None)
            self._push(now + _pause(one, answer, now), number, one)

    def _reckon(self, one: _Going, heal: Heal, known: Tried | None) -> None:
        """Dollars of a heal. Of what is done ahead of time none are reckoned, as nowhere."""
        if known is not None:
            one.dollars += known.dollars
            one.lost += max(0.0, -known.dollars)
        elif not one.foretold:
            won, lost = self._guess(one, heal)
            one.dollars += won - lost
            one.lost += lost
            one.guessed += not one.nothing

    def _guess(self, one: _Going, heal: Heal) -> tuple[float, float]:
        """What a heal that nobody tried is worth, and what it costs, by how those of its action ended."""
        costs = self._bounds.costs
        minutes = next((rung.manual_minutes for rung in one.rungs if rung.action == heal.action), 0)
        worth = minutes * costs.minute
        if one.nothing:
            return 0.0, worth
        rate = self._record.rate.get(heal.action)
        if rate is None:
            return 0.0, 0.0
        return worth * rate, worth * (1 - rate) + self._record.harm[heal.action] * costs.failure

    def _push(self, at: datetime, number: int, one: _Going, chain: int | None = None) -> None:
        """A trigger then: the most urgent first, parents before children."""
        alarm, self._count = one.alarm, self._count + 1
        rank = URGENCY[alarm.priority] * len(self._depths) + self._depths[alarm.component]
        heapq.heappush(self._queue, (at, _RAISED, rank, self._count, number, one.chain if chain is None else chain))

    def _push_end(self, at: datetime, number: int, heal: Heal | None = None) -> None:
        self._count += 1
        heapq.heappush(self._queue, (at, _ENDED, 0, self._count, number, heal))


_ENDED, _SEEN, _RAISED = 0, 1, 2
"""What ends at a moment ends before anything begins at it."""


def _pause(one: _Going, answer: Answer, now: datetime) -> timedelta:
    """Until it is raised again."""
    return pause_foretold(answer, now=now) if one.foretold else pause_after(answer, now=now)


def _course(one: _Going) -> Course:
    acted = any(heal.acted for heal in one.heals)  # one that found it well before it acted was for nothing to nobody
    if not one.alarm.confirmed or one.alarm.outcome is Outcome.MISS or (one.nothing and acted):
        verdict = Verdict.NOTHING
    elif not one.heals:
        verdict = Verdict.REFUSED
    else:
        verdict = Verdict.HEALED if any(past.healed for past in one.past) else Verdict.MENDED
    return Course(
        alarm=one.alarm,
        triggers=one.triggers,
        began=tuple(heal.began_at for heal in one.heals),
        actions=tuple(heal.action for heal in one.heals),
        refusals=tuple(one.refusals),
        caps=tuple(one.caps),
        verdict=verdict,
        dollars=one.dollars,
        guessed=one.guessed,
        lost=one.lost,
        failed=one.failed,
        harmed=one.harmed,
    )

"""What two variants of a rule found, side by side, and beside what was recorded."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median

from selfheal.model.recorded import FoundFault, Tried
from selfheal.model.replay import Counted, Course, End, Example, Rule, Verdict
from selfheal.replay.ahead import CAP

RECORDED, AS_SET, WOULD_BE = "as recorded", "as set", "as it would be"
_FOR_EVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """The same trouble as both variants saw it; one of them may not have."""

    was: Course | None
    would: Course | None

    @property
    def moved_s(self) -> float:
        """So much later it would be found, negative where earlier."""
        if self.was is None or self.would is None:
            return 0.0
        return (self.would.alarm.raised_at - self.was.alarm.raised_at).total_seconds()


def paired(was: Sequence[Course], would: Sequence[Course]) -> Iterator[Pair]:
    """Those of one component that overlap are the same trouble; each is told once, with the first that it meets."""
    left: dict[tuple[str, ...], list[Course]] = {}
    for other in would:
        left.setdefault(_about(other), []).append(other)
    for one in was:
        rivals = left.get(_about(one), [])
        met = next((two for two in rivals if _overlap(one, two)), None)
        if met is not None:
            rivals.remove(met)
        yield Pair(was=one, would=met)
    for rest in left.values():
        yield from (Pair(was=None, would=other) for other in rest)


def counted(rule: Rule, variant: str, courses: Sequence[Course], pairs: Sequence[Pair]) -> Counted:
    """A variant's figures; `pairs` compare it with how things are set, and are empty for that itself."""
    moved = [one.moved_s for one in pairs if one.moved_s]
    return Counted(
        rule=rule,
        variant=variant,
        triggers=sum(one.triggers for one in courses),
        found=len(courses),
        heals=sum(len(one.began) for one in courses),
        really=sum(one.verdict is Verdict.HEALED for one in courses),
        earlier=sum(one < 0 for one in moved),
        later=sum(one > 0 for one in moved),
        moved_s=median(moved) if moved else None,
        besides=sum(one.was is None for one in pairs),
        missed=sum(one.would is None for one in pairs),
        for_nothing=sum(one.verdict is Verdict.NOTHING for one in courses),
        failed=sum(one.failed for one in courses),
        harmed=sum(one.harmed for one in courses),
        saved=sum(one.dollars for one in courses),
        lost=sum(one.lost for one in courses),
        guessed=sum(one.guessed for one in courses),
    )


def recorded(rule: Rule, faults: Sequence[FoundFault], tried: Sequence[Tried], triggers: int) -> Counted:
    """What was really done."""
    acted = {one.target for one in tried if one.acted}
    return Counted(
        rule=rule,
        variant=RECORDED,
        triggers=triggers,
        found=len(faults),
        heals=len(tried),
        really=sum(one.healed for one in tried),
        for_nothing=sum(one.by_itself and one.target in acted and _acted_on(one, tried) for one in faults),
        failed=sum(one.acted and not one.healed and one.ended_at is not None for one in tried),
        harmed=sum(one.harmed for one in tried),
        saved=sum(one.dollars for one in tried),
        lost=sum(max(0.0, -one.dollars) for one in tried),
    )


def examples(rule: Rule, pairs: Sequence[Pair]) -> Iterator[Example]:
    """The differences, and what would be acted on for nothing."""
    for one in pairs:
        what = _difference(one)
        shown = one.would or one.was
        if what and shown is not None:
            yield Example(
                rule=rule,
                component=shown.alarm.component,
                what=what,
                since=shown.alarm.since,
                as_set_at=None if one.was is None else one.was.alarm.raised_at,
                would_be_at=None if one.would is None else one.would.alarm.raised_at,
                ended_at=shown.alarm.ended_at,
                end=shown.alarm.end,
                why=_why(shown),
            )


def by_target(tried: Sequence[Tried]) -> Mapping[str, Sequence[Tried]]:
    """The attempts of each target, in their order."""
    found: dict[str, list[Tried]] = {}
    for one in tried:
        found.setdefault(one.target, []).append(one)
    return found


def _difference(pair: Pair) -> str:
    """What is otherwise; empty: nothing."""
    was, would = pair.was, pair.would
    if would is None:
        return "missed"
    nothing = " for nothing" if would.verdict is Verdict.NOTHING else ""
    if was is None:
        return f"besides{nothing}"
    if pair.moved_s:
        return ("earlier" if pair.moved_s < 0 else "later") + nothing
    if len(was.began) != len(would.began):
        return "more heals" if len(would.began) > len(was.began) else "fewer heals"
    if was.began != would.began:
        return "healed at another time"
    return ""


def _why(course: Course) -> str:
    named = [f"{CAP}{name}" for name in course.caps]
    refused = f"; refused: {', '.join((*course.refusals, *named))}" if course.refusals else ""
    reckoned = "; the time is reckoned: an attempt healed it before" if course.alarm.projected else ""
    return f"{course.alarm.why}{refused}{reckoned}"


def _about(one: Course) -> tuple[str, ...]:
    return one.alarm.component, one.alarm.kind.value, one.alarm.about


def _overlap(one: Course, two: Course) -> bool:
    """Whether they do; what a rule tells no end of lasts from its first sign until it is raised."""
    first, second = one.alarm, two.alarm
    ends = [_FOR_EVER if alarm.end is End.OPEN else alarm.ended_at or alarm.raised_at for alarm in (first, second)]
    return first.since <= ends[1] and second.since <= ends[0]


def _acted_on(fault: FoundFault, tried: Sequence[Tried]) -> bool:
    end = fault.ended_at or _FOR_EVER
    return any(one.acted and one.target == fault.target and fault.since <= one.began_at <= end for one in tried)

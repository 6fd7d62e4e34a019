"""What the targets themselves say: every effect had an intent, none came twice, and every success had one."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.chaos.checker.record import Effect, Record, Violation

_LOG_S = 0.002
"""A keeper cuts the time in its log to milliseconds."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """When an attempt may have had an effect: from the commit of its announcement to that of its outcome.

    Attributes:
        attempt: its id.
        target: its component.
        begins: the announcement was committed.
        goes_back: the rollback was announced; infinite if none was.
        returns: how many holders have announced it: each may have to start the target, if it was broken in between.
        ends: the outcome was committed; infinite if there is none.
        last: the attempt's last row.
    """

    attempt: str
    target: str
    begins: float
    goes_back: float
    returns: int
    ends: float
    last: Any


def violations(record: Record) -> Iterator[Violation]:
    """All that the effects say against the attempts."""
    for line in record.unknown:
        yield Violation("every effect recorded", line, "a start that no keeper knows of")
    by_target: dict[str, list[Span]] = {}
    for span in spans(record):
        by_target.setdefault(span.target, []).append(span)
    for target in sorted({*record.effects, *by_target}):
        yield from _of_target(record, target, by_target.get(target, []))


def spans(record: Record) -> Iterator[Span]:
    """Of every attempt that announced an act."""
    never = float("inf")
    for attempt, rows in record.attempts().items():
        acting = next((row.at for row in rows if row.phase == "acting"), None)
        if acting is not None:
            yield Span(
                attempt=attempt,
                target=rows[0].component,
                begins=acting,
                goes_back=next((row.at for row in rows if row.phase == "rolling_back"), never),
                returns=len({row.fence for row in rows if row.phase == "rolling_back"}),
                ends=next((row.at for row in rows if row.completed_at is not None), never),
                last=rows[-1],
            )


def counted(record: Record, attempt: str) -> int:
    """How many starts of its target fall into an attempt."""
    return sum(
        _within(effect, span)
        for span in spans(record)
        if span.attempt == attempt
        for effect in record.effects.get(span.target, ())
        if not effect.first
    )


def _within(effect: Effect, span: Span) -> bool:
    return span.begins - _LOG_S <= effect.at <= span.ends


def _of_target(record: Record, target: str, tried: Sequence[Span]) -> Iterator[Violation]:
    """Give each effect to the attempt in whose span it lies, and look what is left, and what is too much."""
    deeds = [one for one in record.noted("person") if one["target"] == target]
    acts: Counter[str] = Counter()
    backs: Counter[str] = Counter()
    helped: Counter[str] = Counter()
    for effect in record.effects.get(target, ()):
        span = next((one for one in tried if _within(effect, one)), None)
        by_person = any(one["at"] - _LOG_S <= effect.at <= one.get("until", one["at"]) for one in deeds)
        if effect.first or (by_person and span is None):
            continue
        if span is None:
            yield Violation("an intent before every effect", target, f"started at {effect.at:.3f} as pid {effect.pid}")
            continue
        count = helped if by_person else backs if effect.at >= span.goes_back else acts
        count[span.attempt] += 1
    for span in tried:
        yield from _of_attempt(span, acts[span.attempt], backs[span.attempt], helped[span.attempt])


def _of_attempt(span: Span, acts: int, backs: int, helped: int) -> Iterator[Violation]:
    """What a person did meanwhile (`helped`) may have been the attempt's own deed: it proves no repetition."""
    if acts > 1 and span.last.verification != "UNKNOWN":
        yield Violation("at most one effect or UNKNOWN", span.attempt, f"{acts} starts of {span.target}")
    if backs > span.returns + (acts == 0):  # an act that its keeper carried out late is no deed of the rollback
        yield Violation("one rollback outcome", span.attempt, f"{backs} starts while going back")
    if span.last.status == "SUCCESS" and acts + helped == 0:
        yield Violation("success only verified", span.attempt, f"{span.target} was not started")

"""From what is known of a fault to what happened to it, in the order of time."""

from collections.abc import Iterator

from selfheal.model.admission import Decision
from selfheal.model.approval import Approval
from selfheal.model.report import FaultLine, HistoryLine, RefusalLine
from selfheal.model.story import Event, EventKind, FaultStory


def events_of(story: FaultStory) -> tuple[Event, ...]:
    """Everything that happened, the oldest first."""
    found = [*_of_fault(story.fault)]
    refusals = (one for one in story.refusals if one.decision != Decision.AWAITING_APPROVAL)  # which the question tells
    found += [_refused(one) for one in refusals]
    found += [event for one in story.questions for event in _of_question(one)]
    found += [event for one in story.attempts for event in _of_attempt(one.line)]
    order = list(EventKind)
    return tuple(sorted(found, key=lambda one: (one.at, order.index(one.kind))))


def _of_fault(fault: FaultLine) -> Iterator[Event]:
    yield Event(
        at=fault.detected_at,
        kind=EventKind.DETECTED,
        words=_found(fault),
    )
    if fault.start_missed_at is not None:
        words = f"no heal had begun within the deadline of priority {fault.priority}"
        yield Event(at=fault.start_missed_at, kind=EventKind.MISSED, words=words)
    if fault.closed_at is not None:
        how = _over(fault)
        took = (fault.closed_at - fault.detected_at).total_seconds()
        yield Event(at=fault.closed_at, kind=EventKind.CLOSED, words=f"{how}, {took:.1f} s after it was detected")


def _found(fault: FaultLine) -> str:
    """What was noticed: that it is sick, or that it will be."""
    if fault.preemptive:
        return f"{fault.component} was healthy, and this was foretold of it: {fault.trigger_type}, a pre-emptive case"
    return f"{fault.component} was found sick ({fault.trigger_type}), priority {fault.priority}"


def _over(fault: FaultLine) -> str:
    if fault.preemptive:
        return "a pre-emptive heal helped" if fault.resolution == "HEALED" else "it is foretold no more"
    return "an attempt healed it" if fault.resolution == "HEALED" else "it recovered by itself"


def _refused(one: RefusalLine) -> Event:
    return Event(
        at=one.first_at,
        kind=EventKind.REFUSED,
        words=f"{one.decision}: {one.reason}",
        times=one.occurrences,
        last_at=one.last_at if one.occurrences > 1 else None,
    )


def _of_question(one: Approval) -> Iterator[Event]:
    words = f"{one.asked_by} asked for a person's word: {one.action} on {one.component}"
    yield Event(at=one.asked_at, kind=EventKind.ASKED, words=words, approval=one.id)
    if one.decision is not None and one.decided_at is not None:
        said = f"{one.decision.replace('_', ' ').lower()} by {one.decided_by}: {one.decision_why}"
        yield Event(at=one.decided_at, kind=EventKind.ANSWERED, words=said, approval=one.id)


def _of_attempt(line: HistoryLine) -> Iterator[Event]:
    """Admitted, acted, verified, recorded: as far as it has come."""
    admitted = f"{line.action}: {line.why}" if line.why else line.action
    yield Event(at=line.created_at, kind=EventKind.ADMITTED, words=admitted, attempt=line.attempt_id)
    if line.act_started_at is not None:
        words = f"{line.action} was announced, and begun"
        yield Event(at=line.act_started_at, kind=EventKind.ACTING, words=words, attempt=line.attempt_id)
    if line.act_ended_at is not None:
        words = "the act was over, and its effect was looked at"
        yield Event(at=line.act_ended_at, kind=EventKind.VERIFYING, words=words, attempt=line.attempt_id)
    if line.completed_at is not None:
        yield Event(at=line.completed_at, kind=EventKind.RECORDED, words=_ended(line), attempt=line.attempt_id)


def _ended(line: HistoryLine) -> str:
    """How an attempt ended."""
    told = [f"{line.status}, verification {line.verification or 'none'}"]
    if line.rollback in {"DONE", "FAILED"}:
        told.append(f"rollback {line.rollback}")
    if line.interrupted:
        told.append("settled by another process than the one that began it")
    return f"{'; '.join(told)}: {line.message}" if line.message else "; ".join(told)

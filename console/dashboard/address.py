"""From an address's query to what is wanted, and back: links keep their filters, wrong input is told in words."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar
from urllib.parse import urlencode
from uuid import UUID

from console.web.given import WrongInput
from selfheal.model.attempt import Status, Verification
from selfheal.model.errors import SelfhealError
from selfheal.model.log_report import ErrorFilter, ErrorStatus
from selfheal.model.page import Cursor, Slice
from selfheal.model.prediction import Outcome
from selfheal.model.prediction_report import PredictionFilter
from selfheal.model.report import AttemptFilter, FaultFilter, FaultState
from selfheal.model.request import RequestStatus
from selfheal.model.trigger import PREEMPTIVE, TriggerType
from selfheal.model.workflow import WorkflowStatus
from selfheal.model.workflow_report import WorkflowFilter

E = TypeVar("E", bound=StrEnum)
Query = Mapping[str, str]
LONGEST = 100
PAGES = ("older", "newer")


class NotFound(SelfhealError):
    """There is no such thing: 404, with these words."""


def slice_of(query: Query) -> Slice:
    """Which page."""
    older, newer = (query.get(name, "") for name in PAGES)
    if older and newer:
        raise WrongInput("a page is older or newer than a place, not both")
    return Slice(older_than=_cursor(older), newer_than=_cursor(newer))


def attempt_filter(query: Query) -> AttemptFilter:
    """Which attempts."""
    fault = query.get("fault", "")
    return AttemptFilter(
        status=one_of(Status, query, "status"),
        verification=one_of(Verification, query, "verification"),
        action_type=text_of(query, "action_type"),
        component=text_of(query, "component"),
        fault=identifier(fault, "fault") if fault else None,
        since=moment_of(query, "since"),
        until=moment_of(query, "until"),
        transitions=query.get("transitions", "") not in {"", "0", "no"},
    )


def fault_filter(query: Query) -> FaultFilter:
    """Which faults."""
    return FaultFilter(
        state=one_of(FaultState, query, "state"),
        component=text_of(query, "component"),
        since=moment_of(query, "since"),
        until=moment_of(query, "until"),
    )


def workflow_filter(query: Query) -> WorkflowFilter:
    """Which workflows."""
    status = one_of(WorkflowStatus, query, "status", word=str.lower)
    return WorkflowFilter(
        status=status or "",
        word=one_of(RequestStatus, query, "word") or "",
        text=text_of(query, "text"),
        disagreeing=query.get("disagreeing", "") not in {"", "0", "no"},
    )


def prediction_filter(query: Query) -> PredictionFilter:
    """Which predictions."""
    rule, settled = one_of(TriggerType, query, "rule"), query.get("open", "").lower()
    if rule is not None and rule not in PREEMPTIVE:
        raise WrongInput(f"rule is one of {', '.join(sorted(PREEMPTIVE))}, not {rule.value}")
    if settled not in {"", "yes", "no"}:
        raise WrongInput(f"open is yes or no, not {settled[:LONGEST]!r}")
    return PredictionFilter(
        component=text_of(query, "component"),
        rule=rule,
        outcome=one_of(Outcome, query, "outcome"),
        open=settled == "yes" if settled else None,
    )


def error_filter(query: Query) -> ErrorFilter:
    """Which errors of logs."""
    return ErrorFilter(
        component=text_of(query, "component"),
        status=one_of(ErrorStatus, query, "status"),
        signature=text_of(query, "signature").lower(),
    )


def address(path: str, query: Query, **changes: str) -> str:
    """The same page with other values; what is empty is left out, and another page's place is never kept."""
    kept = {key: value for key, value in query.items() if key not in PAGES} | changes
    asked = urlencode({key: value for key, value in kept.items() if value})
    return f"{path}?{asked}" if asked else path


def one_of(kind: type[E], query: Query, name: str, *, word: Callable[[str], str] = str.upper) -> E | None:
    """One of the known words, of which `word` makes the letters; None where none is asked for."""
    given = query.get(name, "")
    if not given:
        return None
    try:
        return kind(word(given))
    except ValueError as error:
        known = ", ".join(kind)
        raise WrongInput(f"{name} is one of {known}, not {given[:LONGEST]!r}") from error


def text_of(query: Query, name: str) -> str:
    """A name as it was given."""
    given = query.get(name, "").strip()
    if len(given) > LONGEST or "\0" in given:
        raise WrongInput(f"{name} has at most {LONGEST} characters")
    return given


def moment_of(query: Query, name: str) -> datetime | None:
    """A time, in UTC where it names no zone."""
    given = query.get(name, "").strip()
    if not given:
        return None
    try:
        at = datetime.fromisoformat(given)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise WrongInput(f"{name} is no time: {given[:LONGEST]!r}", hint="write it like 2026-03-01T14:30") from error


def identifier(given: str, what: str) -> UUID:
    """An id."""
    try:
        return UUID(given)
    except ValueError as error:
        raise WrongInput(f"{given[:LONGEST]!r} is no id of {what}") from error


def _cursor(given: str) -> Cursor | None:
    try:
        return Cursor.of(given) if given else None
    except SelfhealError as error:
        raise WrongInput(error.message, hint=error.hint) from error


def run_of(query: Query) -> UUID | None:
    """The flow run that a form has started; what is no id is no link."""
    try:
        return UUID(query.get("run", ""))
    except ValueError:
        return None

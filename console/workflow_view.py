"""What `selfheal workflows` prints of the running stack: read from what the mechanisms wrote down, whatever is down."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from console.failure import BAD_NEWS, FINE, WrongUsage
from console.output import Cell, Section, show
from console.place import Output, Place
from selfheal.model.page import Slice
from selfheal.policy.workflow_report import events_of
from selfheal.store.engine import open_engine
from selfheal.store.reading.comparisons import Comparisons

if TYPE_CHECKING:
    from selfheal.model.workflow_report import DisagreementLine, WorkflowSeen, WorkflowsStanding, WorkflowStory

MOST = 10_000
_LIST = ("workflow", "state", "file", "stage", "agent", "priority", "since", "stuck", "disagreements", "why")
_STAGES = ("stage", "agent", "kind", "evidence", "result", "delivered_at", "why", "message")
_DISAGREEMENTS = ("workflow", "rule", "settled_by", "file", "state", "evidence", "run", "since", "what_to_do", "why")
_EVENTS = ("at", "what", "who", "message")


def listed(place: Place, output: Output) -> int:
    """All workflows, those that have changed last first; 1 where a person must look."""
    with _reading(place) as read:
        standing, page = read.standing(), read.page(Slice(limit=MOST))
    rows = [_row(one) for one in page.items]
    section = Section(name="workflows", columns=_LIST, rows=rows, when_empty="none has been seen yet")
    show([section], output=output, facts=_facts(standing))
    return BAD_NEWS if standing.persons or standing.by_status.get("blocked") else FINE


def one(place: Place, req_number: str, output: Output) -> int:
    """One workflow with its stages, its disagreements and all that happened to it."""
    with _reading(place) as read:
        story = read.story(req_number)
    if story is None:
        raise WrongUsage(f"no workflow is named {req_number[:100]!r}", hint="`selfheal workflows` lists them")
    open_ones = [line for line in story.disagreements if line.settled_at is None]
    facts = {key: value for key, value in _row(story.workflow).items() if key != "disagreements"}
    show(_sections(story, open_ones), output=output, facts=facts | {"title": story.workflow.title})
    return BAD_NEWS if open_ones or story.workflow.stuck else FINE


def disagreements(place: Place, output: Output) -> int:
    """Where the stores disagree, a person's first; 1 where only a person settles one."""
    with _reading(place) as read:
        standing, found = read.standing(), read.disagreements(limit=MOST)
    show([_disagreeing(found)], output=output, facts=_facts(standing))
    return BAD_NEWS if standing.persons else FINE


@contextmanager
def _reading(place: Place) -> Iterator[Comparisons]:
    """What was written down; raises what `Place.database_url` raises."""
    settings, engine = place.settings().workflows, open_engine(place.database_url(), pool_size=1)
    try:
        yield Comparisons(engine, settings.pipeline(), many_orphans=settings.many_orphans)
    finally:
        engine.dispose()


def _sections(story: "WorkflowStory", found: Sequence["DisagreementLine"]) -> list[Section]:
    stages: list[Mapping[str, Cell]] = [
        {
            "stage": one.stage,
            "agent": one.agent,
            "kind": one.kind,
            "evidence": one.presence.value,
            "result": one.result,
            "delivered_at": one.published_at,
            "why": one.why,
            "message": "; ".join([one.summary, *one.oddities]).strip("; "),
        }
        for one in story.workflow.stages
    ]
    events: list[Mapping[str, Cell]] = [
        {"at": event.at, "what": event.kind.value, "who": event.who, "message": event.words}
        for event in events_of(story)
    ]
    return [
        Section(name="stages", columns=_STAGES, rows=stages, when_empty="nobody has asked for its deliverables"),
        _disagreeing(found),
        Section(name="events", columns=_EVENTS, rows=events, when_empty="nothing is known to have happened to it"),
    ]


def _disagreeing(found: Sequence["DisagreementLine"]) -> Section:
    rows: list[Mapping[str, Cell]] = [
        {
            "workflow": line.req_number or "the request file",
            "rule": line.rule.kind.value,
            "settled_by": line.rule.settler.value,
            "file": line.file,
            "state": line.state,
            "evidence": line.evidence,
            "run": line.run,
            "since": line.first_seen,
            "what_to_do": line.rule.advice,
            "why": line.note or line.rule.rule,
        }
        for line in found
    ]
    return Section(name="disagreements", columns=_DISAGREEMENTS, rows=rows, when_empty="the stores agree")


def _row(one: "WorkflowSeen") -> dict[str, Cell]:
    return {
        "workflow": one.req_number,
        "state": one.status,
        "file": one.file_status,
        "stage": one.current_stage if one.status else None,
        "agent": one.agent,
        "priority": one.priority,
        "since": one.since or one.changed_at,
        "stuck": one.stuck,
        "disagreements": one.disagreements,
        "why": one.held_why or one.untold,
    }


def _facts(standing: "WorkflowsStanding") -> dict[str, Cell]:
    """How they stand, and whether that can be believed."""
    last = standing.comparisons[0] if standing.comparisons else None
    facts: dict[str, Cell] = {
        "level": standing.level.value,
        "open_disagreements": standing.persons + standing.mechanisms,
        "for_a_person": standing.persons,
        "compared_at": None if last is None else last.compared_at,
    }
    if last is None:
        return facts | {"warning": "the stores have not been compared yet"}
    warnings = [] if last.file_read else ["the request file could not be read"]
    warnings += [f"of {last.untold} nobody could tell what was delivered: {last.why}"] if last.untold else []
    warnings += [f"not carried out: {last.held}"] if last.held else []
    return facts | {"orphans": last.orphans, "warning": "; ".join(warnings)}

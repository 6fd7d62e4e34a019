"""Chooses which workflows start, and claims them: the agent's breaker is asked first, then the place.

`workflow-admission` calls it after the starts that were broken off are finished. One workflow that cannot start stops
no other; only what holds for all of them (a pause, no place) ends the turn.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from uuid6 import uuid7

from selfheal.model.breaker import Denial, Permit
from selfheal.model.deliverable import Evidence
from selfheal.model.ending import Ending
from selfheal.model.errors import SelfhealError
from selfheal.model.pipeline import Stage
from selfheal.model.request import Reading
from selfheal.model.start import Held, Hold, Places, Start
from selfheal.model.workflow import Workflow, WorkflowStatus
from selfheal.policy.breaker_names import agent_breaker
from selfheal.policy.starting import URGENT, begins_with, in_turn, no_place, unfit
from selfheal.protocol.failpoint import reach
from selfheal.protocol.starting import Starting, finish

LOOKED_AT = 50
"""Of so many that wait, the first in turn, one turn asks for the deliverables."""
_DENIED_FOR = timedelta(minutes=5)
_log = logging.getLogger(__name__)


@dataclass
class Turn:
    """What one turn has done.

    Attributes:
        started: by name, the stage that was started.
        held: by name, why it was not.
        stopped: why the turn ended before all were asked; empty: all were.
    """

    started: dict[str, str] = field(default_factory=dict)
    held: dict[str, str] = field(default_factory=dict)
    stopped: str = ""

    @property
    def words(self) -> str:
        """For a person."""
        parts = [f"{len(self.started)} started", f"{len(self.held)} held"]
        parts += [f"{name}: {stage}" for name, stage in self.started.items()]
        parts += [f"{name} is held: {why}" for name, why in self.held.items()]
        return "; ".join([*parts, *filter(None, [self.stopped])])


def admit(works: Starting) -> Turn:
    """Start what may start now: first the next stages of those that run, then those that wait, in their order.

    Raises:
        Transient: the file or the database cannot be asked; nothing more was started.
    """
    turn, denied = Turn(), dict[str, Denial]()
    reading = works.file.read()
    if reading.shrunk:
        turn.stopped = f"the request file is not believed: {reading.shrunk}"
        return turn
    for workflow, stage in _fit(works, reading, turn):
        if workflow.status is WorkflowStatus.PENDING:
            why = no_place(workflow.priority, works.starts.places(), works.at_once)
            if why:
                turn.stopped = why
                break
        try:
            answer = _claim(works, workflow, stage, denied)
        except SelfhealError as error:
            turn.held[workflow.req_number] = str(error)
            _log.warning("%s is not started: %s", workflow.req_number, error)
            continue
        if isinstance(answer, Denial):
            turn.held[workflow.req_number] = answer.reason
        elif isinstance(answer, Held):
            turn.held[workflow.req_number] = answer.reason
            if answer.hold is not Hold.MOVED:
                turn.stopped = answer.reason
                break
        else:
            reach("after-start-claim")
            _begin(works, answer, turn)
    return turn


def _begin(works: Starting, start: Start, turn: Turn) -> None:
    """Publish and record what was claimed just now, unless the file says something else by now: then it was another's.

    Whoever goes on with a start that was broken off does not ask that: the agent may have written what it was told.
    """
    try:
        entry = works.file.read().entry(start.req_number)
        if entry is None or entry.status != start.file_before:
            why = f"the request file says {entry.status if entry else 'nothing'} by now: nobody was told to begin"
            works.starts.end(start, Ending.CANCELLED, why)
            turn.held[start.req_number] = why
            return
    except SelfhealError as error:
        turn.held[start.req_number] = f"not finished yet: {error}"
        return
    finished = "" if finish(works, start) else ", not finished yet"
    turn.started[start.req_number] = f"stage {start.stage} ({start.agent}){finished}"


def outlook(works: Starting) -> Turn:
    """What `admit` would do now; nothing is asked of a breaker, claimed, published or written."""
    turn, places, reading = Turn(), works.starts.places(), works.file.read()
    turn.stopped = f"the request file is not believed: {reading.shrunk}" if reading.shrunk else ""
    for workflow, stage in () if turn.stopped else _fit(works, reading, turn, note=False):
        if workflow.status is WorkflowStatus.PENDING:
            why = no_place(workflow.priority, places, works.at_once)
            if why:
                turn.stopped = why
                break
            urgent = int(workflow.priority == URGENT)
            places = Places(running=places.running + 1, urgent=places.urgent + urgent)
        turn.started[workflow.req_number] = f"stage {stage.index} ({stage.agent}) would be, if its breaker lets it"
    return turn


def _fit(works: Starting, reading: Reading, turn: Turn, *, note: bool = True) -> Sequence[tuple[Workflow, Stage]]:
    """Those that the file and their deliverables let start, in turn, each with its stage; the others are held."""
    now = works.clock.now()
    going, waiting = works.starts.going_on(), in_turn(works.starts.waiting())
    wait = []
    for one in waiting:
        why = unfit(one, reading)
        if not why:
            wait.append(one)
            continue
        turn.held[one.req_number] = why
        if note:
            _note(works, one, why, until=None, tell=True)
    asked = [*in_turn(going), *wait[:LOOKED_AT]]
    evidence = works.deliverables.evidence({one.req_number: one.since(now) for one in asked}) if asked else {}
    return [(one, stage) for one in asked if (stage := _stage(works, one, evidence, turn, note=note))]


def _stage(works: Starting, one: Workflow, evidence: Mapping[str, Evidence], turn: Turn, *, note: bool) -> Stage | None:
    """The stage that it begins with; None: it does not, for a reason that is noted."""
    found = evidence.get(one.req_number)
    stage = "its deliverables were not told" if found is None else begins_with(one, found, works.pipeline)
    if isinstance(stage, Stage):
        return stage
    turn.held[one.req_number] = stage
    if note:
        _note(works, one, stage, until=None, tell=False)
    return None


def _claim(works: Starting, workflow: Workflow, stage: Stage, denied: dict[str, Denial]) -> Start | Held | Denial:
    """Ask the agent's breaker, then for a place; an agent that is denied once in a turn is not asked again."""
    breaker = agent_breaker(stage.agent.lower())
    answer = denied.get(breaker) or works.breakers.ask(breaker, uuid7())
    if isinstance(answer, Denial):
        denied[breaker] = answer
        until = answer.retry_at or works.clock.now() + _DENIED_FOR
        _note(works, workflow, answer.reason, until=until, tell=False)
        return answer
    claimed = works.starts.claim(workflow, stage, breaker=breaker, permit=answer)
    if isinstance(claimed, Held):
        _give_back(works, breaker, answer)
    return claimed


def _give_back(works: Starting, breaker: str, permit: Permit) -> None:
    """It did not begin: its permit is another's."""
    try:
        works.breakers.ended(breaker, permit, Ending.REFUSED)
    except SelfhealError as error:
        _log.warning("a permit of %s is not given back, and lapses by itself: %s", breaker, error)


def _note(works: Starting, workflow: Workflow, why: str, *, until: datetime | None, tell: bool) -> None:
    """Why it waits, where people see it; a note that cannot be written stops nothing."""
    try:
        works.states.hold(workflow.req_number, why, until=until, tell=tell)
    except SelfhealError as error:
        _log.warning("it is not noted why %s waits: %s", workflow.req_number, error)

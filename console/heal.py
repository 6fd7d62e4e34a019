"""`selfheal heal`: one heal, through Prefect where its server answers, else in this process."""

import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

from cyclopts import Parameter
from cyclopts.validators import Number

from console.failure import WrongUsage
from console.output import Cell, Section, rehearsed, show
from console.pause import operator
from console.person import TokenFile
from console.place import DryRun, Output, Place
from selfheal.logs import without_secrets
from selfheal.model.errors import SelfhealError, Transient
from selfheal.model.trigger import Priority, Source, Trigger, TriggerType

if TYPE_CHECKING:
    from deployments.prefect_api import PrefectApi, RunState
    from selfheal.bootstrap import Estate

DEPLOYMENT = "healing-dispatch/healing-dispatch"
POLL_S = 0.25
ASKED = "asked for on the command line"
GOOD_ENDS = frozenset({"Healed", "AlreadyHealthy"})
"""Names of final states after which the component is known to be healthy."""
GOOD_DECISIONS = frozenset({"ADMITTED", "ALREADY_HEALTHY"})


def heal(  # noqa: PLR0913 - each is an option of the command
    component: Annotated[str, Parameter(help="Its name, as in selfheal.toml.")],
    /,
    *,
    place: Place = Place(),  # noqa: B008 - frozen: cyclopts fills a copy
    action: Annotated[str, Parameter(help="Which action; else the component's ladder decides.")] = "",
    why: Annotated[str, Parameter(help="Why; it is recorded.")] = ASKED,
    dry_run: DryRun = False,
    prediction: Annotated[
        UUID | None, Parameter(help="With --dry-run: what would be done for this prediction, before anything is sick.")
    ] = None,
    break_glass: Annotated[
        bool,
        Parameter(negative=(), help="An admin's own word, where nobody else can approve; needs --why and a token."),
    ] = False,
    token_file: TokenFile = "",
    timeout: Annotated[
        float, Parameter(validator=Number(gt=0), help="Seconds to wait for the end of the run.")
    ] = 180.0,
    output: Output = "table",
) -> int:
    """Heal one component once."""
    if break_glass and why == ASKED:
        raise WrongUsage("--why is missing", hint="say why nobody else can approve it; everybody is told")
    if prediction is not None and not dry_run:
        raise WrongUsage("--prediction needs --dry-run", hint="what is foretold is healed by the watcher alone")
    trigger = _trigger(component, action, why)
    from console.estate import estate_of  # noqa: PLC0415  keeps `--help` fast

    with estate_of(place) as estate:
        if dry_run:
            return _preview(estate, _foretold(estate, prediction, component) if prediction else trigger, output)
        word = token_file if break_glass else None
        name, message = _recorded(place, estate, trigger, own_word=word, timeout_s=timeout)
    show([], output=output, facts={"state": name, "message": message})
    return 0 if name in GOOD_ENDS else 1


def _trigger(component: str, action: str, why: str) -> Trigger:
    from uuid6 import uuid7  # noqa: PLC0415  keeps `--help` fast

    return Trigger(
        id=uuid7(),
        type=TriggerType.MANUAL,
        component=_text(component),
        action=_text(action),
        source=Source.PERSON,
        priority=Priority.HIGH,
        reason=_text(why),
        detected_at=datetime.now(UTC),
        who=operator(),
    )


def _foretold(estate: "Estate", prediction: UUID, component: str) -> Trigger:
    """The trigger of a prediction, as the watcher would get it."""
    trigger = estate.raised.of_prediction(prediction)
    if trigger is None or trigger.component != component:
        of = "" if trigger is None else f"; it is of {trigger.component}"
        raise WrongUsage(f"no prediction {prediction} of {component} asks for a heal{of}")
    return trigger


def _text(word: str) -> str:
    """The word as text: bytes of the command line that are no UTF-8 become question marks."""
    return word.encode("utf-8", "replace").decode("utf-8")


def _recorded(
    place: Place, estate: "Estate", trigger: Trigger, *, own_word: str | None, timeout_s: float
) -> tuple[str, str]:
    """Carry it out, on an admin's own word where that is the file of their token, and write down who asked for it."""
    from console.deed import noted  # noqa: PLC0415  keeps `--help` fast
    from selfheal.policy.identity import Deed  # noqa: PLC0415

    asked = {"trigger": str(trigger.id), "action": trigger.action, "why": trigger.reason}
    with noted(place, Deed.HEAL, subject=trigger.component, **asked) as told:
        if own_word is not None:
            name, message = _on_ones_own_word(place, estate, trigger, own_word)
        else:
            state = None if _refused_at_the_door(estate, trigger) else _through_prefect(place, trigger, timeout_s)
            name, message = (state.name, state.message) if state is not None else _directly(estate, trigger)
        told["state"] = name
    return name, message


def _refused_at_the_door(estate: "Estate", trigger: Trigger) -> bool:
    """Whether the target must not even be looked at: no worker is needed to refuse and record that."""
    from selfheal.protocol.deciding import refused_at_the_door  # noqa: PLC0415

    return refused_at_the_door(estate.healer, trigger)


def _preview(estate: "Estate", trigger: Trigger, output: Output) -> int:
    """What would be done; nothing is recorded."""
    from selfheal.protocol.dry_run import preview  # noqa: PLC0415

    told = preview(estate.healer, trigger)
    facts: dict[str, Cell] = rehearsed(dry_run=True) | {
        "component": told.component,
        "decision": told.decision,
        "reason": told.reason,
        "seen": told.seen,
        "action": told.action,
        "steps": "; ".join(told.steps),
        "blast_radius": told.blast_radius,
    }
    rows = [{"decision": one.decision.value, "reason": one.reason} for one in told.refusals]
    limits = Section(name="would_refuse", columns=("decision", "reason"), rows=rows, when_empty="nothing")
    show([limits], output=output, facts=facts)
    return 0 if told.decision in GOOD_DECISIONS else 1


def _through_prefect(place: Place, trigger: Trigger, timeout_s: float) -> "RunState | None":
    """Start the deployment and wait; None when Prefect cannot be asked, does not take it, or lost the run.

    The direct way that follows is the same trigger: what was begun is followed, nothing is done twice.

    Raises:
        Transient: the run is not over within the time; it goes on.
    """
    if place.running() is None and not place.settings().prefect.outside:
        return None
    with place.prefect() as prefect:
        if not prefect.answers():
            _say("the Prefect server does not answer within a second: the heal runs in this process")
            return None
        try:
            run = prefect.start(DEPLOYMENT, parameters_of(trigger), key=str(trigger.id))
        except SelfhealError as error:
            _say(f"{error}: the heal runs in this process")
            return None
        _say(f"run: {prefect.link(run)}")
        try:
            state = _wait(prefect, run, timeout_s)
        except KeyboardInterrupt:
            _say(f"the run goes on: {prefect.link(run)}")
            raise
    if state.kind == "CRASHED":
        _say(f"the run crashed ({state.message}): the same heal is followed in this process")
        return None
    return state


def parameters_of(trigger: Trigger) -> dict[str, str]:
    """What the run is started with; Prefect keeps it, so nothing secret is in it."""
    return {
        "component": trigger.component,
        "reason": without_secrets(trigger.reason),
        "action": trigger.action,
        "trigger_id": str(trigger.id),
        "who": trigger.who,
    }


def _wait(prefect: "PrefectApi", run: UUID, timeout_s: float) -> "RunState":
    """Ask until the run is over; while its server is away for a moment the run goes on."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        with suppress(SelfhealError):
            state = prefect.state(run)
            if state.ended:
                return state
        time.sleep(POLL_S)
    raise Transient(f"the run is not over after {timeout_s:g} s; it goes on", hint=f"look at {prefect.link(run)}")


def _on_ones_own_word(place: Place, estate: "Estate", trigger: Trigger, token_file: str) -> tuple[str, str]:
    """In this process, on an admin's word."""
    from console.break_glass import break_glass  # noqa: PLC0415  keeps `--help` fast

    result = break_glass(place, estate, trigger, token_file=token_file)
    return result.name, result.message


def _directly(estate: "Estate", trigger: Trigger) -> tuple[str, str]:
    """The same procedure in this process, recorded all the same."""
    from selfheal.protocol.heal import heal as carry_out  # noqa: PLC0415
    from selfheal.protocol.plain import plain_steps  # noqa: PLC0415

    result = carry_out(plain_steps(estate.healer), trigger)
    return result.name, result.message


def _say(words: str) -> None:
    """What is on the way goes to stderr: stdout holds the answer."""
    sys.stderr.write(f"{words}\n")
    sys.stderr.flush()

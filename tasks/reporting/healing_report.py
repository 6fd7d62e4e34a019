"""The page that a heal leaves in the Prefect UI: what was seen, decided, done and proved, and how long each took."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from selfheal.model.attempt import Outcome
from selfheal.model.report import HistoryLine
from selfheal.model.story import AttemptStory, FaultStory
from selfheal.model.web_address import WebAddress
from tasks.reporting.markdown import block, bullets, page, table, words

_SHORT = 100
_ROLLBACKS = {
    "DONE": "It was taken back to what was found.",
    "FAILED": "It was tried and failed: a person must look.",
    "NOT_NEEDED": "There was a way back, and it was not needed.",
    "NOT_PLANNED": "There was no way back, so nothing was taken back.",
}
_VERIFICATIONS = {
    "HEALED": "It was seen healthy, and once more after its healthy delay.",
    "NOT_HEALED": "It was not seen healthy.",
    "UNKNOWN": "Nobody could tell whether it is healed; that is never counted as a success.",
}


def healing_report(story: FaultStory, attempt: AttemptStory, outcome: Outcome, web: WebAddress) -> str:
    """The page, in Markdown."""
    line = attempt.line
    return page(
        f"# {outcome.name}: {words(line.action)} on {words(line.component)}",
        words(outcome.message),
        link("This fault's page: all its attempts, questions and refusals", web.fault(story.fault.id)),
        "## How long it took",
        _times(line),
        "## What was seen",
        bullets(_seen(line, attempt.seen)),
        "## What was decided, and why",
        bullets(_decided(story, line)),
        "## What was done",
        bullets(_done(attempt)),
        "## Verification",
        _VERIFICATIONS.get(line.verification or "", "There was no act to verify."),
        "Its first healer died on the way; another process settled it by observation." if line.interrupted else "",
        "## Rollback",
        _ROLLBACKS.get(line.rollback or "", "Nothing is recorded of it."),
        "" if attempt.rollback is None else f"The plan was: {words(_json(attempt.rollback))}",
        "## Evidence",
        _evidence(attempt.evidence),
    )


def link(text: str, address: str) -> str:
    """A link, or nothing where there is no address."""
    return f"[{text}]({address})" if address else ""


def moment(at: datetime) -> str:
    """A time for a person."""
    return f"{at:%Y-%m-%d %H:%M:%S.%f}"[:-3]


def _times(line: HistoryLine) -> str:
    """The steps in order: when each was over, and how long it took since the one before."""
    steps = {
        "detected": line.detected_at,
        "admitted": line.created_at,
        "prepared, act begun": line.act_started_at,
        "act ended": line.act_ended_at,
        "verified and recorded": line.completed_at,
    }
    rows, before = [], None
    for name, at in steps.items():
        if at is None:
            continue
        rows.append((name, moment(at), "" if before is None else f"{(at - before).total_seconds():.2f} s"))
        before = at
    whole = "" if before is None else f"{(before - line.detected_at).total_seconds():.2f} s"
    return table(("step", "at (UTC)", "took"), [*rows, ("**in all**", "", whole)])


def _seen(line: HistoryLine, seen: Mapping[str, Any]) -> list[str]:
    """The reason of the trigger, and the look before admission."""
    told = [f"Why it was raised: {words(line.why)}" if line.why else "No reason was given."]
    if seen:
        health, detail, at = (words(str(seen.get(name, ""))) for name in ("health", "detail", "observed_at"))
        told.append(f"Looked at before admission: {health}, {detail} ({at})")
    return told


def _decided(story: FaultStory, line: HistoryLine) -> list[str]:
    """Admission's part."""
    number = 1 + sum(one.line.created_at < line.created_at for one in story.attempts)
    earlier = [one for one in story.refusals if one.first_at < line.created_at]
    ahead = " (pre-emptive: nothing was sick)" if line.preemptive else ""
    kind = f"{words(line.trigger_type)}{ahead} with priority {words(story.fault.priority)}"
    return [
        f"Admitted: {words(line.action)}, attempt {number} on this fault, for {kind}",
        *(
            f"Refused before, {one.occurrences} times: {words(one.decision)}, {words(one.reason)}"
            for one in earlier[-5:]
        ),
        *([f"A person must look: {words(story.fault.needs_person)}"] if story.fault.needs_person else []),
    ]


def _done(attempt: AttemptStory) -> list[str]:
    """The steps of the act, if it was begun at all."""
    line = attempt.line
    if line.act_started_at is None:
        return ["Nothing: the target was not touched."]
    took = "" if line.execution_ms is None else f" ({line.execution_ms / 1000:.2f} s)"
    return [*(words(step) for step in attempt.steps), f"Result: {words(line.message)}{took}"]


def _evidence(evidence: Mapping[str, Any]) -> str:
    """What the act would have destroyed, shortened."""
    if not evidence:
        return "None was kept."
    told = {words(name): _json(value) for name, value in evidence.items() if value not in (None, "", [], {})}
    short = {name: text for name, text in told.items() if len(text) <= _SHORT and "\n" not in text}
    long = [f"{name}:\n\n{block(text)}" for name, text in told.items() if name not in short]
    return page(bullets(f"{name}: {words(text)}" for name, text in short.items()), *long)


def _json(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, indent=1, ensure_ascii=False, default=str)

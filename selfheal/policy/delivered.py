"""What stages have delivered as `stage_deliverables` keeps it, and which of them are done.

A stage that is recorded as done stays so when its message has expired: what was seen once need not be told again.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from selfheal.model.deliverable import Deliverable, Evidence, Presence, Result, StageEvidence


def recorded(evidence: Evidence) -> dict[str, Any]:
    """What the stages have delivered, as it is stored, by the stage's index."""
    return {
        str(one.stage): {
            "result": one.deliverable.result.value,
            "status": one.deliverable.status[:100],
            "summary": one.deliverable.summary[:500],
            "subject": one.deliverable.subject,
            "sequence": one.deliverable.sequence,
            "published_at": one.deliverable.published_at.astimezone(UTC).isoformat(),
        }
        for one in evidence.stages
        if one.deliverable is not None
    }


def done(deliverables: Mapping[str, Any]) -> frozenset[int]:
    """The stages of which it is recorded that they are done, whoever has written that."""
    return frozenset(
        int(index)
        for index, one in deliverables.items()
        if index.isdecimal() and isinstance(one, Mapping) and one.get("result") == Result.DONE.value
    )


def known(deliverables: Mapping[str, Any], evidence: Evidence) -> dict[str, Any]:
    """What was recorded, with what there is now: of each stage the newest."""
    return {**deliverables, **recorded(evidence)}


def remembered(evidence: Evidence, deliverables: Mapping[str, Any]) -> Evidence:
    """The same evidence, with what was recorded in place of what is gone: a stage that was done once is done.

    What was recorded and says no is not put there: whether it was answered by another message nobody can tell.
    """
    stages = tuple(_remembered(one, evidence.req_number, deliverables.get(str(one.stage))) for one in evidence.stages)
    return replace(evidence, stages=stages)


def _remembered(one: StageEvidence, req_number: str, kept: Any) -> StageEvidence:
    if one.presence is Presence.PRESENT or not isinstance(kept, Mapping) or kept.get("result") != Result.DONE.value:
        return one
    try:
        said = Deliverable(
            req_number=req_number,
            stage=one.stage,
            subject=str(kept["subject"]),
            sequence=int(kept["sequence"]),
            published_at=datetime.fromisoformat(kept["published_at"]),
            result=Result.DONE,
            status=str(kept.get("status", "")),
            summary=str(kept.get("summary", "")),
        )
    except (KeyError, TypeError, ValueError):
        return one  # written before the schema, or by hand: it is no evidence
    return StageEvidence(stage=one.stage, presence=Presence.PRESENT, deliverable=said)

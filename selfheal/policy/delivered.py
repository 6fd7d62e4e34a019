"""What stages have delivered as `stage_deliverables` keeps it, and which of them are done.

A stage that is recorded as done stays so when its message has expired: what was seen once need not be told again.
"""

from collections.abc import Mapping
from datetime import UTC
from typing import Any

from selfheal.model.deliverable import Evidence, Result


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

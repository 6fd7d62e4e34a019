"""What a person must be told."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One alert.

    Attributes:
        id: the same at every delivery of it.
        severity: INFO, WARNING or CRITICAL.
        dedup_key: the same for alerts about the same thing.
        message: one sentence.
        details: more about it, e.g. every attempt on a fault.
        created_at: when that happened.
    """

    id: UUID
    severity: str
    dedup_key: str
    message: str
    details: Mapping[str, Any]
    created_at: datetime

    def as_json(self) -> dict[str, Any]:
        """The alert as a webhook gets it."""
        return {
            "id": str(self.id),
            "severity": self.severity,
            "dedup_key": self.dedup_key,
            "message": self.message,
            "details": dict(self.details),
            "created_at": self.created_at.isoformat(),
        }

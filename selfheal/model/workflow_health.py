"""How the estate's workflows are as a whole, as the last check found them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Level(StrEnum):
    """How it stands with all of them."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"  # at least one is blocked, or many deliverables have no request
    CRITICAL = "critical"  # more than three are blocked


@dataclass(frozen=True, kw_only=True)
class WorkflowHealth:
    """One check.

    Attributes:
        level: of all.
        full: whether orphans were counted, and host services looked after.
        entries: how many requests stand in the file.
        in_progress: of how many it says so.
        stuck: how many were.
        blocked: how many wait for a person.
        escalated: how many agents have given up.
        could_not_tell: why nothing is known of a workflow, by name.
        for_a_person: what only a person can settle, by name.
        recovered: what was done, by name.
        not_recovered: why nothing was done, by name.
        orphans: how many deliverables there are of each request that nobody knows; None: nobody has counted.
        orphans_not_told: streams that could not be read, with the reason: the figures leave them out.
        services: what became of each host service that was down, or why none was looked after.
        storm: why nothing was changed at all; empty: there was no storm.
        checked_at: when; None: just now.
    """

    level: Level
    full: bool
    entries: int
    in_progress: int
    stuck: int
    blocked: int
    escalated: int
    could_not_tell: Mapping[str, str] = field(default_factory=dict)
    for_a_person: Mapping[str, str] = field(default_factory=dict)
    recovered: Mapping[str, str] = field(default_factory=dict)
    not_recovered: Mapping[str, str] = field(default_factory=dict)
    orphans: Mapping[str, int] | None = None
    orphans_not_told: Mapping[str, str] = field(default_factory=dict)
    services: Mapping[str, str] = field(default_factory=dict)
    storm: str = ""
    checked_at: datetime | None = None

    @property
    def orphan_count(self) -> int | None:
        """All of them."""
        return None if self.orphans is None else sum(self.orphans.values())

    @property
    def words(self) -> str:
        """The same in one sentence."""
        orphans = "orphans not counted" if self.orphan_count is None else f"{self.orphan_count} orphans"
        told = (
            f"{self.level}: {self.in_progress} of {self.entries} in progress, {self.stuck} stuck, "
            f"{len(self.recovered)} recovered, {self.blocked} blocked, {self.escalated} escalated, "
            f"{len(self.could_not_tell)} that nobody can tell, {len(self.for_a_person)} for a person, {orphans}"
        )
        return f"{told}; {self.storm}" if self.storm else told

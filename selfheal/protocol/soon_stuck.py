"""STUCK_SOON: workflows that near their stage's limit without anything new, and what became of those foretold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from selfheal.model.pipeline import Pipeline
from selfheal.model.prediction import Facts, Foretold, Prediction, Sign
from selfheal.model.recovery import Standing
from selfheal.model.trigger import Priority, TriggerType
from selfheal.policy.stuck import Nearing, nearing
from selfheal.protocol.workflow_looks import Look, WorkflowLooks

METRIC = "silent_minutes"
_RULE = TriggerType.STUCK_SOON
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class SoonStuck:
    """Looks at the workflows.

    Attributes:
        looks: at them.
        pipeline: that all go through.
        share: of a stage's limit that is near.
        at_most: more that are near, or stuck, at once have one cause: nothing is done about them early.
    """

    looks: WorkflowLooks
    pipeline: Pipeline
    share: float
    at_most: int

    def signs(self, standing: Sequence[Prediction], *, now: datetime) -> tuple[Sequence[Sign], Mapping[UUID, Facts]]:
        """What is said of each workflow, and what has come of those that something was foretold of.

        Raises:
            Transient: the request file cannot be read, or the database does not answer.
        """
        looks = {look.verdict.req_number: look for look in self.looks.all().looks}
        ours = [one for one in standing if one.rule is _RULE]
        signs, facts = list[Sign](), dict[UUID, Facts]()
        asked = {name: self._asked(name, first, now) for name, first in looks.items()}
        crowd = sum(self._counts(look, near) for look, near in asked.values()) > self.at_most
        for name, (look, near) in asked.items():
            if look.verdict.standing is not Standing.COULD_NOT_TELL:
                signs.append(self._sign(name, look, near, now, crowd=crowd))
        said = {one.component: one for one in signs}
        for one in ours:
            if one.component not in looks:  # its request is gone
                signs.append(Sign(rule=_RULE, component=one.component, metric=METRIC, foretold=None, over=True))
                facts[one.id] = Facts(moved_on=True)
            elif one.component in said and said[one.component].over:
                stuck = looks[one.component].verdict.standing is Standing.STUCK
                breached = max(one.raised_at, min(now, one.breach_at or now)) if stuck else None
                facts[one.id] = Facts(breached_at=breached, moved_on=not stuck, well=not stuck)
        return signs, facts

    def _counts(self, look: Look, near: Nearing | None) -> bool:
        """Whether it is stuck, or near that."""
        return look.verdict.standing is Standing.STUCK or (near is not None and near.near(self.share))

    def _asked(self, name: str, look: Look, now: datetime) -> tuple[Look, Nearing | None]:
        """With its evidence where that decides: nobody asks for that of a critical one as early as this rule."""
        near = self._near(look, now)
        if near is not None and not look.evidence.stages and near.silent >= self.share * near.patience:
            look = self.looks.one(name)
            near = self._near(look, now)
        return look, near

    def _near(self, look: Look, now: datetime) -> Nearing | None:
        return nearing(look.entry, look.workflow, look.evidence, now=now, pipeline=self.pipeline)

    def _sign(self, name: str, look: Look, near: Nearing | None, now: datetime, *, crowd: bool) -> Sign:
        """It is over when it has gone on, or is stuck; where its stages cannot be told nothing changes."""
        over = near is None or near.silent < self.share * near.patience or look.verdict.standing is Standing.STUCK
        if near is None or over or not near.near(self.share):
            return Sign(rule=_RULE, component=name, metric=METRIC, foretold=None, over=over)
        silent, patience = near.silent / _MINUTE, near.patience / _MINUTE
        foretold = Foretold(
            rule=_RULE,
            component=name,
            metric=METRIC,
            value=silent,
            threshold=patience,
            well_below=self.share * patience,
            priority=Priority.HIGH,
            why=f"nothing was heard of it for {silent:.0f} min, and {patience:.0f} min is what its stage may take",
            breach_at=now + near.patience - near.silent,
            crowd=crowd,
        )
        return Sign(rule=_RULE, component=name, metric=METRIC, foretold=foretold, over=False)

"""What is foretold, and what may be done before anything is sick."""

from dataclasses import replace
from datetime import timedelta
from typing import Annotated

from pydantic import Field

from selfheal.model.admission import Limits
from selfheal.model.prediction import PreemptingRules, Rules
from selfheal.settings.values import Duration, Mode, Percent, Section


class Preempting(Section):
    """What may be done for a prediction. Its heals pass all of admission, and these limits besides."""

    mode: Mode = "observe"
    """How far any action may go for a prediction; where its own mode goes less far, that counts. Observe: what is
    foretold is only shown, with what became of it."""
    actions: dict[str, Mode] = Field(default_factory=dict)
    """The same of one action, by its name, like `{ collect-garbage = "auto" }`."""
    at_once: Annotated[int, Field(ge=1, le=64)] = 1
    """So many pre-emptive heals are under way at the same time."""
    in_an_hour: Annotated[int, Field(ge=1, le=10_000)] = 3
    """So many begin within an hour, over the whole estate."""
    in_a_day: Annotated[int, Field(ge=1, le=100_000)] = 12
    """So many begin within a day, over the whole estate."""
    per_component: Annotated[int, Field(ge=1, le=100)] = 3
    """So many of one component begin within a day."""

    def limits(self, limits: Limits) -> Limits:
        """What admission never exceeds, with these."""
        return replace(
            limits,
            foretold_at_once=self.at_once,
            foretold_in_hour=self.in_an_hour,
            foretold_in_day=self.in_a_day,
            foretold_of_one=self.per_component,
        )


class Predicting(Section):
    """What is foretold, every 5 minutes, from what was measured in the last 7 days."""

    memory_limit: Percent = 95
    """Memory of a component or host must not reach this."""
    memory_high: Percent = 85
    """Memory above this for `memory_high_for` is noticed, whatever is foretold."""
    memory_high_for: Duration = timedelta(minutes=15)
    """See `memory_high`."""
    disk_limit: Percent = 95
    """A disk must not be as full as this."""
    horizon: Duration = timedelta(hours=2)
    """A breach is foretold when it comes within this time; the forecast looks 2 h 15 min ahead at most."""
    response_rise: Annotated[float, Field(gt=0, le=100)] = 0.2
    """A response time that is higher by this share than a day ago is noticed."""
    response_rise_over: Duration = timedelta(hours=24)
    """What it is compared with: the same time so long ago."""
    errors_per_hour: Annotated[float, Field(gt=0)] = 10
    """More errors than this in each of `errors_for` are noticed."""
    errors_for: Duration = timedelta(hours=2)
    """See `errors_per_hour`."""
    stuck_share: Annotated[float, Field(gt=0, lt=1)] = 0.75
    """A workflow that has used this share of its stage's limit without anything new is noticed."""
    limits: dict[str, dict[str, float]] = Field(default_factory=dict)
    """Limits of further metrics, by component and metric: `[prediction.limits.backend] queue_depth = 5000`."""
    preempt: Preempting = Preempting()
    """What may be done for a prediction."""

    def rules(self) -> Rules:
        """The numbers as the domain knows them."""
        return Rules(
            memory_limit=self.memory_limit,
            memory_high=self.memory_high,
            memory_high_for=self.memory_high_for,
            disk_limit=self.disk_limit,
            horizon=self.horizon,
            response_rise=self.response_rise,
            response_rise_over=self.response_rise_over,
            errors_per_hour=self.errors_per_hour,
            errors_for=self.errors_for,
            stuck_share=self.stuck_share,
        )

    def preempting(self) -> PreemptingRules:
        """How far pre-emptive heals may go."""
        return PreemptingRules(mode=self.preempt.mode, actions=self.preempt.actions)

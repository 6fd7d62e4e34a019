"""One rule about escalated work: what its words mean, and what is healed, or blocked, because of that."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from selfheal.model.escalation import EscalationRule
from selfheal.policy.escalation import compiled
from selfheal.settings.values import PLAIN, ComponentName, Section
from selfheal.settings.wording import Wrong


def _pattern(value: str) -> str:
    compiled(value)
    return value


class EscalatedSettings(Section):
    """What is done about escalated work whose words match: a component is healed, or the work is blocked."""

    pattern: Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_pattern)]
    """Searched for in the escalation's text, in any case of letters: RE2, like `column .* does not exist`."""
    component: ComponentName | None = None
    """What is healed: one of the components. Once it is, the work goes on."""
    action: Annotated[str, Field(max_length=50)] = ""
    """By which action; empty: by the component's ladder."""
    although_healthy: bool = False
    """The component is healed although it looks well, once for each escalation: its health does not show what is
    wrong."""
    block: Annotated[str, Field(max_length=200), PLAIN] = ""
    """Nothing is healed: the work becomes BLOCKED for this reason, like `security review`, until a person resumes
    it."""

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        """Either something is healed or the work is blocked."""
        if (self.component is None) != bool(self.block):
            raise Wrong("component", "or block is needed, and not both")
        if self.block and (self.action or self.although_healthy):
            raise Wrong("block", "heals nothing: it takes no action and no although_healthy")
        return self

    def rule(self) -> EscalationRule:
        """The same for the domain."""
        return EscalationRule(
            pattern=self.pattern,
            component=self.component or "",
            action=self.action,
            although_healthy=self.although_healthy,
            block=self.block,
        )

"""The forms of the Prefect UI: a title for each parameter; the docstrings explain them, the types validate."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import Field
from pydantic.fields import FieldInfo

from selfheal.policy.admission import LONGEST_REASON


def titled(title: str, **limits: Any) -> FieldInfo:
    """What a form says of a parameter: Prefect itself would only repeat its name."""
    field: FieldInfo = Field(json_schema_extra={"title": title}, **limits)
    return field


DryRun = Annotated[bool, titled("Dry run")]
Component = Annotated[str, titled("Component", max_length=100)]
Reason = Annotated[str, titled("Reason", max_length=LONGEST_REASON)]
Action = Annotated[str, titled("Action", max_length=50)]
Who = Annotated[str, titled("Your name", max_length=100)]
Why = Annotated[str, titled("Why", max_length=500)]
BreakerName = Annotated[str, titled("Breaker", max_length=100)]
Hours = Annotated[Annotated[float, Field(gt=0, le=366 * 24)] | None, titled("Hours")]
Workflow = Annotated[str, titled("Workflow", max_length=100)]
Full = Annotated[bool, titled("Full check")]
Since = Annotated[str, titled("From (so long ago, or a time)", max_length=40)]
Until = Annotated[str, titled("To (empty: now)", max_length=40)]
Changes = Annotated[list[str], titled("Settings as they would be", max_length=50)]
Only = Annotated[str, titled("Only this component", max_length=100)]
TriggerId = Annotated[UUID | None, titled("Trigger id (leave empty)")]
AlthoughMany = Annotated[bool, titled("Although many start again")]

"""What an operator says of the actions: how far each may go, and what their results mean."""

from datetime import timedelta
from typing import Annotated, Self

from pydantic import Field, model_validator

from selfheal.model.admission import Costs
from selfheal.model.migration import Migration
from selfheal.model.mode import Standards
from selfheal.policy.parameters import cut
from selfheal.settings.values import PLAIN, Duration, Mode, ObjectName, Section
from selfheal.settings.wording import Wrong


class ActionSettings(Section):
    """How far one action may go: observe and shadow never act, approve asks a person, auto acts."""

    mode: Mode
    """How far it may go: observe and shadow never act, approve asks a person, auto acts."""


class MigrationSettings(Section):
    """One entry of the catalogue of allow-listed SQL: `apply-migration` runs these and nothing else."""

    database: str
    """One of the databases."""
    creates: ObjectName
    """The table, view or materialized view that the SQL creates, like `wms.stock_levels`."""
    sql: Annotated[str, Field(min_length=1, max_length=64 * 1024), PLAIN]
    """What is run, in one transaction. Every name in it has its schema."""
    parameters: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,30}$")], Annotated[str, PLAIN] | int] = Field(
        default_factory=dict
    )
    """Values by name. The SQL writes `:'name'` for a value and `:"name"` for a name; the database quotes them."""
    timeout: Duration = timedelta(seconds=60)
    """The SQL may run this long."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        """Its SQL uses its parameters, all of them and no others."""
        try:
            cut(self.sql, self.parameters)
        except ValueError as error:
            raise Wrong("sql", str(error)) from None
        return self

    def migration(self, name: str) -> Migration:
        """The entry as the domain knows it."""
        return Migration(
            name=name,
            database=self.database,
            creates=self.creates,
            parts=cut(self.sql, self.parameters),
            timeout=self.timeout,
        )


class Promotion(Section):
    """When results speak for more freedom of an action, which is proposed, or for less, which is done."""

    lower_bound: Annotated[float, Field(ge=0, lt=1)] = 0.8
    """One step up is proposed when the 95 % lower bound of an action's success rate is above this."""
    fewest: Annotated[int, Field(ge=1, le=1000)] = 10
    """Neither is done on fewer results; a demotion goes by so many, the newest."""
    demote_below: Annotated[float, Field(ge=0, le=1)] = 0.5
    """An action in mode auto asks a person (approve) when the success rate of these is below this."""

    def standards(self) -> Standards:
        """The same for the domain."""
        return Standards(**dict(self))


class Costing(Section):
    """What things cost, in dollars: what `selfheal rates` reckons with. Each attempt keeps the figures of its time."""

    minute: Annotated[float, Field(ge=0, le=100_000)] = 5.0
    """A minute of a person: restarting a container by hand takes 10 and costs 50 dollars."""
    failure: Annotated[float, Field(ge=0, le=10_000_000)] = 215.0
    """A failure: saved where a breaker prevented one, spent where a heal did harm."""

    def costs(self) -> Costs:
        """The same for the domain."""
        return Costs(**dict(self))

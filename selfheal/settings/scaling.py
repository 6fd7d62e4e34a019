"""How many replicas a component may have, and what tells and changes their number."""

from datetime import timedelta
from typing import Annotated, Self

from pydantic import Field, model_validator

from selfheal.model.check import LONGEST_SCALE, Scale
from selfheal.settings.checks import Command
from selfheal.settings.values import Duration, Section
from selfheal.settings.wording import Wrong

_MOST = 1000


class ScaleSettings(Section):
    """How more replicas of a component are made to run: by two commands of this machine, or by Docker."""

    max: Annotated[int, Field(ge=1, le=_MOST)]
    """We never let more run than these."""
    min: Annotated[int, Field(ge=1, le=_MOST)] = 1
    """Where fewer run, it is brought to these at once, however small the step."""
    step: Annotated[int, Field(ge=1, le=_MOST)] = 1
    """So many more each time."""
    count: Command = ()
    """Prints how many run, and nothing else; by its absolute path, like `["/opt/api", "count"]`. It changes nothing:
    a dry run runs it too."""
    command: Command = ()
    """Brings them to the number that stands in place of `{replicas}`, like `["/opt/api", "run", "{replicas}"]`; by its
    absolute path, without a shell. Run twice with one number it must do no more than once."""
    label: Annotated[str, Field(pattern=r"^([A-Za-z0-9][A-Za-z0-9._/-]{0,99}=[A-Za-z0-9._/:-]{1,100})?$")] = ""
    """Of Docker, `name=value`, that all containers of the set have."""
    timeout: Duration = timedelta(seconds=60)
    """The change has failed when it takes longer; at most 5 min."""

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        """Commands or a label, and numbers that fit one another."""
        if self.min > self.max:
            raise Wrong("min", f"is {self.min}, and max {self.max}: there is no number between")
        if bool(self.label) == bool(self.count or self.command):
            raise Wrong("label", "or count and command must be given, one of the two")
        if bool(self.count) != bool(self.command):
            missing = "command" if self.count else "count"
            raise Wrong(missing, "is missing: count tells how many run, and command changes that")
        for name, words in (("count", self.count), ("command", self.command)):
            if words and not words[0].startswith("/"):
                raise Wrong(name, f"must begin with the absolute path of a program (given: {words[0]!r})")
        if self.command and not any(Scale.PLACE in part for part in self.command[1:]):
            raise Wrong("command", f"must hold {Scale.PLACE}, in whose place the number stands")
        if self.timeout > LONGEST_SCALE:
            raise Wrong("timeout", "must be at most 5 min")
        return self

    def scale(self) -> Scale:
        """The same as the domain knows it."""
        return Scale(
            least=self.min,
            most=self.max,
            step=self.step,
            count=self.count,
            command=self.command,
            label=self.label,
            timeout=self.timeout,
        )

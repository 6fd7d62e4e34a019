"""The pipeline that every workflow goes through: a table of stages, from the settings.

A stage is an index; a count of deliverables is not: optional stages leave gaps.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One stage.

    Attributes:
        index: its place, from 0.
        agent: who works on it.
        kind: what is delivered: research, critique, ...
        stream: the JetStream stream that keeps its deliverables.
        subject: of its deliverables, without the request's id that follows.
        aliases: other subjects of the same, likewise; agents are not always consistent.
        timeout: it is stuck when it takes longer.
        optional: it is gone through only where it was asked for; its absence holds nothing up.
    """

    index: int
    agent: str
    kind: str
    stream: str
    subject: str
    aliases: tuple[str, ...] = ()
    timeout: timedelta = timedelta(hours=1)
    optional: bool = False

    @property
    def subjects(self) -> tuple[str, ...]:
        """All subjects under which it may be delivered, without the request's id."""
        return (self.subject, *self.aliases)


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """All stages, in order; there is at least one."""

    stages: tuple[Stage, ...]

    @property
    def last(self) -> Stage:
        """The last stage that nobody has to ask for: without its evidence nothing is complete."""
        return [one for one in self.stages if not one.optional][-1]

    def following(self, done: Collection[int]) -> Stage | None:
        """The first stage, not optional, that is not done although all before it are; None: all are done."""
        return next((one for one in self.stages if not one.optional and one.index not in done), None)

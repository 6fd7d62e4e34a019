"""When `selfheal up` itself tells people that the database is away."""

from dataclasses import dataclass, field

from deployments.alarm import Alarm
from selfheal.model.errors import Transient


@dataclass(kw_only=True)
class Stack:
    """A database that answers or not, and who is told."""

    away: bool = False
    stopping: bool = False
    told: list[str] = field(default_factory=list)
    made: int = 0
    ended: int = 0

    def ask(self) -> None:
        if self.away:
            raise Transient("the database does not answer")

    def trouble(self, why: str) -> None:
        self.told.append(why)

    def fine(self) -> None:
        self.ended += 1

    def emergency(self) -> "Stack":
        self.made += 1
        return self


def test_it_tells_of_each_look_that_fails_and_makes_its_channels_anew_each_time() -> None:
    """By the settings of that time: what was reloaded since the last time counts."""
    stack = Stack()
    alarm = Alarm(ask=stack.ask, stopping=lambda: stack.stopping, emergency=stack.emergency)
    alarm.look()
    assert (stack.told, stack.made) == ([], 0)
    stack.away = True
    alarm.look()
    alarm.look()
    assert (stack.told, stack.made) == (["the database does not answer"] * 2, 1)
    stack.away = False
    alarm.look()
    stack.away = True
    alarm.look()
    assert stack.made == 2


def test_it_says_once_that_the_database_answers_again() -> None:
    """What could not be kept in the spool is ended by who told of it, and by nobody else."""
    stack = Stack(away=True)
    alarm = Alarm(ask=stack.ask, stopping=lambda: stack.stopping, emergency=stack.emergency)
    alarm.look()
    assert stack.ended == 0
    stack.away = False
    alarm.look()
    alarm.look()
    assert stack.ended == 1


def test_a_stop_is_no_emergency() -> None:
    """The database ends as the last part of an orderly stop."""
    stack = Stack(away=True, stopping=True)
    Alarm(ask=stack.ask, stopping=lambda: stack.stopping, emergency=stack.emergency).look()
    assert stack.told == []

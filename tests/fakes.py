"""Stand-ins for the world, for tests without servers. `FakeControl` passes the conformance test of the real client."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from selfheal.model.errors import NotAllowed, Permanent, SelfhealError
from selfheal.model.observation import Health, Incarnation, Observation
from selfheal.policy.names import nearest

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class FakeClock:
    """Time that passes only by waiting."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.waits: list[float] = []

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.seconds += seconds


class FakeControl:
    """A supervisor whose programs start and stop at once; `calls` tells what was done to them."""

    def __init__(self, **states: str) -> None:
        self.calls: list[str] = []
        self.log = "one line\n"
        self.away: SelfhealError | None = None
        self._pid = 100
        self._lives = {name: self._life(state) for name, state in states.items()}

    def processes(self) -> Mapping[str, Incarnation]:
        self._answer()
        return dict(self._lives)

    def process(self, program: str) -> Incarnation:
        self._answer()
        if "/" in program or not program:
            raise NotAllowed(f"{program!r} is no name of a program")
        if program not in self._lives:
            raise Permanent(f"the supervisor knows no program {program!r}{nearest(program, self._lives)}")
        return self._lives[program]

    def stop(self, program: str, *, timeout: timedelta) -> None:  # noqa: ARG002
        if self.process(program).running:
            self.calls.append(f"stop {program}")
            self._lives[program] = Incarnation(pid=0, started_at=self._lives[program].started_at, state="STOPPED")

    def start(self, program: str, *, timeout: timedelta) -> None:  # noqa: ARG002
        if not self.process(program).running:
            self.calls.append(f"start {program}")
            self._lives[program] = self._life("RUNNING")

    def log_tail(self, program: str, *, size: int) -> str:
        self.process(program)
        return self.log[-size:]

    def _life(self, state: str) -> Incarnation:
        self._pid += 1
        up = state in {"RUNNING", "STARTING", "STOPPING"}
        return Incarnation(pid=self._pid if up else 0, started_at=self._pid, state=state)

    def _answer(self) -> None:
        if self.away is not None:
            raise self.away


class FakeBroker:
    """Answers each ping with the next of `answers` (an error, or milliseconds), the last one for ever."""

    def __init__(self, *answers: int | Exception) -> None:
        self._answers = list(answers)
        self.pings = 0

    def ping(self, url: str, *, credentials: tuple[str, str] | None, timeout: timedelta) -> int:  # noqa: ARG002
        self.pings += 1
        return _next(self._answers)


class FakeHttp:
    """Answers each get with the next of `answers` (an error, or a status), the last one for ever."""

    def __init__(self, *answers: int | Exception) -> None:
        self._answers = list(answers)
        self.gets: list[str] = []

    def get(self, url: str, *, timeout: timedelta) -> tuple[int, int]:  # noqa: ARG002
        self.gets.append(url)
        return _next(self._answers), 7


def _next(answers: list[int | Exception]) -> int:
    answer = answers.pop(0) if len(answers) > 1 else answers[0]
    if isinstance(answer, Exception):
        raise answer
    return answer


def always(health: Health) -> Callable[[object], Observation]:
    """An observer that always sees the same."""
    return lambda component: Observation(component=component.name, health=health, detail="", observed_at=NOON)  # type: ignore[attr-defined]

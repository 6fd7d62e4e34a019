"""An estate whose past is written as it is wanted, and a clock that goes by fives of minutes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, text

from selfheal.model.health import HealthStatus, Measured
from selfheal.protocol.predicting import Predicting, Turn
from selfheal.settings.file import parse
from selfheal.store.health_writing import HealthWriter
from selfheal.wiring.predicting import predicting_of

FIVE = timedelta(minutes=5)
MEMORY, RESPONSE = "memory_percent", "response_time_ms"
ESTATE: Mapping[str, Any] = {
    "components": {
        "backend": {
            "probe": "http",
            "url": "http://127.0.0.1:1/",
            "supervisor": "main",
            "program": "backend",
            "ladder": ["restart-service"],
        },
        "other": {"probe": "http", "url": "http://127.0.0.1:2/"},
    },
    "supervisors": {"main": {"url": "http://127.0.0.1:9001"}},
    "healing": {"allow": ["backend"]},
}


def begin() -> datetime:
    """The end of the newest five minutes, on the database's clock."""
    now = datetime.now(UTC)
    return datetime.fromtimestamp(now.timestamp() // 300 * 300, UTC)


@dataclass(kw_only=True)
class World:
    """Not frozen: its clock goes on.

    Attributes:
        engine: the database, as healing_user.
        now: the clock of predictive-health: three days ago, so that days may pass.
        settings: of the estate, besides `ESTATE`.
    """

    engine: Engine
    now: datetime = field(default_factory=lambda: begin() - timedelta(days=3, seconds=-10))
    settings: Mapping[str, Any] = field(default_factory=dict)

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def monotonic(self) -> float:
        return self.now.timestamp()

    @property
    def clock(self) -> Any:
        world = self

        class Hands:
            def now(self) -> datetime:
                return world.now

            def monotonic(self) -> float:
                return world.monotonic()

            def wait(self, seconds: float) -> None:
                world.wait(seconds)

        return Hands()

    def predicting(self) -> Predicting:
        estate = parse({**ESTATE, **self.settings}, source="the test")
        return predicting_of(estate, self.engine, None, clock=self.clock)

    def turn(self, *, dry_run: bool = False) -> Turn:
        """As a process of its own would: nothing is remembered but what Postgres has."""
        return self.predicting().turn(dry_run=dry_run)

    def after(self, buckets: int = 1) -> datetime:
        """So many fives of minutes later."""
        self.now += buckets * FIVE
        return self.now

    @property
    def newest(self) -> datetime:
        """The first moment of the newest five minutes that are over."""
        return datetime.fromtimestamp((self.now.timestamp() - 3) // 300 * 300, UTC) - FIVE

    def measured(
        self,
        values: Sequence[float | None],
        *,
        component: str = "backend",
        metric: str = MEMORY,
        until: datetime | None = None,
        status: HealthStatus = HealthStatus.OPERATIONAL,
        every: timedelta = FIVE,
    ) -> None:
        """Write these, the last of them in the newest five minutes that are over."""
        last = self.newest if until is None else until
        first = last - every * (len(values) - 1) + timedelta(seconds=1)
        rows = [
            Measured(
                component=component,
                metric=metric,
                value=value,
                status=status,
                checked_at=first + every * number,
                response_ms=int(value) if metric == RESPONSE and value is not None and abs(value) < 1e6 else None,
            )
            for number, value in enumerate(values)
        ]
        HealthWriter(self.engine).write(rows)

    def go(self, values: Iterable[float], **more: Any) -> list[Turn]:
        """One value and one run every five minutes."""
        turns = []
        for value in values:
            self.after()
            self.measured([value], **more)
            turns.append(self.turn())
        return turns

    def all(self, question: str, **values: Any) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(text(question), values).all())


def calm(buckets: int, level: float = 40.0) -> list[float]:
    """A week that means nothing: it wavers by one and comes back."""
    return [level + (number * 7 % 11) / 10 for number in range(buckets)]


def leak(buckets: int, *, start: float = 41.0, step: float = 1.5) -> list[float]:
    """It rises by the same every five minutes, with a little noise."""
    return [start + step * number + (number * 7 % 11) / 20 for number in range(buckets)]

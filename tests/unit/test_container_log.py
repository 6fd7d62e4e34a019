"""The log of a container as a reader follows it, without an engine: what is lost when it is created anew is known."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from estate_fixtures import until

from selfheal.clients import log_container
from selfheal.clients.log_container import ContainerLog
from selfheal.model.observation import Incarnation
from selfheal.ports.logs import LogStream


@dataclass
class Told:
    """A log that is told to its end."""

    entries: list[bytes]

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.entries)

    def close(self) -> None:
        """Nothing is open."""


@dataclass
class Engine:
    """Knows one container under the name, and the logs of all."""

    life: Incarnation
    logs: dict[str, list[bytes]] = field(default_factory=dict)

    def create(self, name: str, *lines: str) -> None:
        """It says that, and ends."""
        said = [f"2026-11-29T10:00:0{at}.000000000Z {line}\n".encode() for at, line in enumerate(lines)]
        self.life, self.logs[name] = Incarnation(pid=0, started_at=1, state="EXITED", id=name), said

    def container(self, _name: str) -> Incarnation:
        return self.life

    def log(self, container_id: str, *, since: int) -> LogStream:
        assert since
        return Told(self.logs[container_id])


def follow(reader: ContainerLog, lines: list[str], wanted: list[str]) -> Any:
    """Until these lines have come; the position then."""

    def come() -> bool:
        lines.extend(line for piece in reader.pieces() for line in bytes(piece.data).decode().splitlines())
        return lines == wanted

    until(f"{wanted}", come)
    return reader.position()


def test_a_container_that_is_created_anew_while_nobody_reads_is_a_gap(monkeypatch: Any) -> None:
    """What the earlier one said behind the position nobody knows; of one that was told to its end nothing is lost."""
    monkeypatch.setattr(log_container, "_AGAIN_S", 0.0)
    engine, lines = Engine(Incarnation(pid=0, started_at=0, state="REMOVED")), list[str]()
    engine.create("first", "a", "b")
    reader = ContainerLog("web", engine, from_start=True)
    reader.resume(None)
    follow(reader, lines, ["a", "b"])
    engine.create("second", "c")
    position = follow(reader, lines, ["a", "b", "c"])
    assert reader.take_gaps() == []
    reader.close()
    engine.create("third", "d")
    reader = ContainerLog("web", engine, from_start=True)
    reader.resume(position)
    follow(reader, lines, ["a", "b", "c", "d"])
    (gap,) = reader.take_gaps()
    assert (gap.kind, "after 2026-11-29T10:00:00.000000000Z" in gap.detail) == ("REPLACED", True)
    reader.close()

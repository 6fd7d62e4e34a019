"""What `selfheal heal` says to whoever does not wait for its end."""

from contextlib import nullcontext
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest

from console import heal
from console.place import Place
from selfheal.model.trigger import Priority, Source, Trigger, TriggerType

TRIGGER = Trigger(
    id=UUID(int=1),
    type=TriggerType.MANUAL,
    component="backend",
    source=Source.PERSON,
    priority=Priority.HIGH,
    reason="a test",
    detected_at=datetime(2026, 3, 1, tzinfo=UTC),
    who="ada",
)


def _interrupted(_run: UUID) -> None:
    raise KeyboardInterrupt


def test_whoever_stops_waiting_is_told_that_the_heal_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C ends the command and not the run: who believes that it does would start a second one."""
    prefect = SimpleNamespace(
        answers=lambda: True,
        start=lambda *_, **__: UUID(int=2),
        link=lambda run: f"http://prefect/{run}",
        state=_interrupted,
    )
    place = cast(Any, SimpleNamespace(running=object, prefect=lambda: nullcontext(prefect)))
    with pytest.raises(KeyboardInterrupt):
        heal._through_prefect(cast(Place, place), TRIGGER, 10.0)
    assert capsys.readouterr().err.splitlines() == [
        f"run: http://prefect/{UUID(int=2)}",
        f"the run goes on: http://prefect/{UUID(int=2)}",
    ]

"""One healer process of the campaign: heals one target with the plain procedure, and prints how it ended.

Options make the mutants: `--elsewhere` claims to run on another host (nobody can end it by pid), `--no-fence`
takes the fence out of every write and lets an act be announced twice, `--no-look` lets the act overlook that the
target lives another life. `--approved` takes what a person approved in place of a trigger of its own, and `--die` dies
with it.
"""

import json
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from chaos_estate import short_acts
from uuid6 import uuid7

from selfheal.bootstrap import wire
from selfheal.model.observation import Incarnation
from selfheal.model.trigger import Priority, Source, Trigger, TriggerType
from selfheal.protocol import holder
from selfheal.protocol.heal import heal
from selfheal.protocol.plain import plain_steps
from selfheal.settings.file import parse
from selfheal.store import heals
from selfheal.store.tables import healing_actions


def main() -> None:
    """Heal, and say how it ended."""
    settings, component, *options = sys.argv[1:]
    if "--elsewhere" in options:
        holder._host = lambda: "elsewhere"
    if "--no-fence" in options:
        heals._held = lambda attempt_id, fence: (healing_actions.c.id == attempt_id,)  # noqa: ARG005
        heals.Heals.renew = lambda self, held: set(held)  # type: ignore[method-assign] # noqa: ARG005
        change = heals.Heals._change
        heals.Heals._change = lambda self, one, fence, *_, **values: change(self, one, fence, **values)  # type: ignore[method-assign]
    if "--no-look" in options:
        Incarnation.same_life = lambda self, other: True  # type: ignore[method-assign] # noqa: ARG005
    values = json.loads(Path(settings).read_text())
    estate = short_acts(wire(parse(values, source=settings), database_url=os.environ["SELFHEAL_DATABASE_URL"]))
    trigger = own_trigger(component)
    if "--approved" in options:  # what a person's word has raised
        (trigger,) = [one for one in estate.due() if one.component == component]
    if "--die" in options:
        os.kill(os.getpid(), signal.SIGKILL)
    result = heal(plain_steps(estate.healer), trigger)
    ended = result.outcome.status.value if result.outcome else result.note
    print(json.dumps({"decision": result.answer.decision.value, "ended": ended}))  # noqa: T201


def own_trigger(component: str) -> Trigger:
    """As a watcher raises it."""
    return Trigger(
        id=uuid7(),
        type=TriggerType.SERVICE_DOWN,
        component=component,
        source=Source.WATCHER,
        priority=Priority.CRITICAL,
        reason="the campaign broke it",
        detected_at=datetime.now(UTC),
    )


if __name__ == "__main__":
    main()

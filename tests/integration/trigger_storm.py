"""One process of the storm: many triggers of one fault at the same moment, each with an id of its own.

Run as `python trigger_storm.py SETTINGS COMPONENT COUNT`; prints `ready`, begins when a line arrives on its standard
input, and ends with one line of JSON: how each trigger was answered, by its id.
"""

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier

from uuid6 import uuid7

from selfheal.bootstrap import wire
from selfheal.model.trigger import Priority, Source, Trigger, TriggerType
from selfheal.protocol.heal import heal
from selfheal.protocol.plain import plain_steps
from selfheal.settings.file import parse


def main() -> None:
    """Raise the triggers, all at once, and tell the answers."""
    settings, component, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    values = json.loads(Path(settings).read_text())
    estate = wire(parse(values, source=settings), database_url=os.environ["SELFHEAL_DATABASE_URL"])
    together = Barrier(count)

    def one(_: int) -> tuple[str, str]:
        trigger = Trigger(
            id=uuid7(),
            type=TriggerType.SERVICE_DOWN,
            component=component,
            source=Source.WATCHER,
            priority=Priority.CRITICAL,
            reason="the storm",
            detected_at=datetime.now(UTC),
        )
        together.wait()
        return str(trigger.id), heal(plain_steps(estate.healer), trigger).answer.decision.value

    print("ready", flush=True)  # noqa: T201 - read by the test
    sys.stdin.readline()
    with ThreadPoolExecutor(count) as pool:
        print(json.dumps(dict(pool.map(one, range(count)))))  # noqa: T201 - the same
    estate.close()


if __name__ == "__main__":
    main()

"""A storm: several processes that raise many triggers of one fault at the same moment, each with an id of its own.

Tests call `storm`. Each process is `python trigger_storm.py SETTINGS COMPONENT COUNT`; it prints `ready`, begins when
a line arrives on its standard input, and ends with one line of JSON: how each trigger was answered, by its id.
"""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier

from uuid6 import uuid7

from selfheal.bootstrap import wire
from selfheal.model.trigger import Priority, Source, Trigger
from selfheal.policy.triggers import type_of
from selfheal.protocol.heal import heal
from selfheal.protocol.plain import plain_steps
from selfheal.settings.file import parse


def storm(settings: Path, component: str, database_url: str, *, processes: int, each: int) -> dict[str, str]:
    """Start the processes, let all of them begin at the same moment, and give every answer by trigger id."""
    command = [sys.executable, __file__, str(settings), component, str(each)]
    environment = {**os.environ, "SELFHEAL_DATABASE_URL": database_url}
    with ExitStack() as held:
        started = [
            held.enter_context(
                subprocess.Popen(
                    command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
                )
            )
            for _ in range(processes)
        ]
        for process in started:
            held.callback(process.kill)
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in started:
            assert process.stdin is not None
            process.stdin.write("go\n")
        return {key: value for process in started for key, value in json.loads(process.communicate()[0]).items()}


def main() -> None:
    """Raise the triggers, all at once, and tell the answers."""
    settings, component, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    values = json.loads(Path(settings).read_text())
    estate = wire(parse(values, source=settings), database_url=os.environ["SELFHEAL_DATABASE_URL"])
    target = estate.healer.components[component]
    kind = type_of(target, estate.healer.observe(target))
    together = Barrier(count)

    def one(_: int) -> tuple[str, str]:
        trigger = Trigger(
            id=uuid7(),
            type=kind,
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

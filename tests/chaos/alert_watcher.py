"""A watcher in a process of its own, as the flow application-health runs it: for `test_alert_without_database`.

Its arguments: a file of settings as JSON, and the folder of the spool.
"""

import json
import os
import sys
from pathlib import Path

from uuid6 import uuid7

from selfheal.bootstrap import wire
from selfheal.protocol.heal import heal
from selfheal.protocol.plain import plain_steps
from selfheal.settings.file import parse

settings = parse(json.loads(Path(sys.argv[1]).read_text()), source="the test")
estate = wire(settings, database_url=os.environ["SELFHEAL_DATABASE_URL"], spool=sys.argv[2])
steps = plain_steps(estate.healer)
estate.watcher(
    run_id=uuid7(), dispatch=lambda trigger: heal(steps, trigger), reconcile=lambda: estate.turn(steps)
).run()

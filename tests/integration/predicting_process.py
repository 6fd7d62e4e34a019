"""One run of predictive-health, of the estate of the tests: `python predicting_process.py TIME`."""

import os
import sys
from datetime import datetime

from prediction_worlds import World

from selfheal.store.engine import open_engine

if __name__ == "__main__":
    world = World(engine=open_engine(os.environ["SELFHEAL_DATABASE_URL"]), now=datetime.fromisoformat(sys.argv[1]))
    sys.stdout.write(f"{len(world.turn().raised)} raised\n")

"""The demo's orchestrator, run by the estate's supervisord: has no address, it only ticks."""

import time

from deployments.demo.program import begin, say

TICK_SECONDS = 10

if __name__ == "__main__":
    started = begin()
    while True:
        say(f"{started.name} ticks")
        time.sleep(TICK_SECONDS)

"""A program that does nothing, run by the estate's supervisord as often as a test wants many targets."""

import signal

from deployments.demo.program import begin

if __name__ == "__main__":
    begin()
    while True:
        signal.pause()

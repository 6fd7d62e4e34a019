"""The demo's NATS broker, run by the estate's supervisord: writes the ledger, then becomes nats-server."""

import os

from deployments.demo.program import begin

if __name__ == "__main__":
    server, config = begin().rest
    os.execv(server, [server, "-c", config])  # noqa: S606  no shell is the point

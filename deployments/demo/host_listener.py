"""The demo's host listener, run by the estate's supervisord: greets whoever connects on loopback."""

import socket

from deployments.demo.program import begin, say
from deployments.demo.web import HOST

if __name__ == "__main__":
    started = begin()
    with socket.create_server((HOST, started.port)) as listener:
        say(f"{started.name} listens on port {started.port}")
        while True:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"host-listener\n")

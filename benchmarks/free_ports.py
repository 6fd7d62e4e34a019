"""Ports for servers that come and go: what benchmarks and tests start takes them from here."""

import contextlib
import secrets
import socket

_FIRST, _END = 15_000, 32_000
"""Below those that the kernel gives to clients: such a port stays free while its server is down."""


def free_ports(count: int) -> list[int]:
    """That many ports of loopback that nobody uses now."""
    found: list[int] = []
    with contextlib.ExitStack() as held:
        while len(found) < count:
            listener = held.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                listener.bind(("127.0.0.1", _FIRST + secrets.randbelow(_END - _FIRST)))
                found.append(listener.getsockname()[1])
    return found

"""The ports of the embedded stack: free ones at the first start, the same ones ever after.

`datafolder.open_folder` calls this before any part starts. A port that is kept in the folder may have been
taken by a foreign program meanwhile: then an automatic port moves, and one that a person has set is refused
by name.
"""

import contextlib
import json
import socket
from collections.abc import Mapping
from pathlib import Path

from deployments.embedded.files import write_private
from selfheal.model.errors import Permanent

HOST = "127.0.0.1"
HIGHEST_PORT = 65535


def settle(path: Path, *, wanted: Mapping[str, int | None]) -> dict[str, int]:
    """Return a free port per name and keep the choice in `path`.

    Args:
        path: `ports.json` of the data folder.
        wanted: by the setting's name ("prefect.port"); None means choose one.

    Raises:
        Permanent: a port set by a person is in use or is no port.
    """
    kept = _read(path)
    with contextlib.ExitStack() as held:  # each chosen port stays bound until all are chosen: no two are alike
        ports = {
            name: _settle_one(name, port, kept.get(name), held)
            for name, port in sorted(wanted.items(), key=lambda item: item[1] is None)
        }
    write_private(path, json.dumps(ports, indent=1))
    return ports


def _settle_one(name: str, explicit: int | None, kept: int | None, held: contextlib.ExitStack) -> int:
    if explicit is not None:
        if not 0 < explicit <= HIGHEST_PORT:
            raise Permanent(f"{name} = {explicit} is no port", hint=f"name one of 1 to {HIGHEST_PORT}")
        if not _hold(explicit, held):
            raise Permanent(
                f"port {explicit} is in use by another program", hint=f"free it or set {name} to another port"
            )
        return explicit
    if kept is not None and _hold(kept, held):
        return kept
    return _hold_any(held)


def _hold(port: int, held: contextlib.ExitStack) -> bool:
    """Bind the port as a server would (a closed connection in TIME_WAIT is no obstacle)."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(1)  # only listening keeps a second SO_REUSEADDR socket off the port
    except OSError:
        listener.close()
        return False
    held.enter_context(listener)
    return True


def _hold_any(held: contextlib.ExitStack) -> int:
    listener = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
    listener.bind((HOST, 0))
    port: int = listener.getsockname()[1]
    return port


def _read(path: Path) -> dict[str, int]:
    """Return the kept ports; an unreadable file only means new ports."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(kept, dict):
        return {}
    return {name: port for name, port in kept.items() if isinstance(port, int) and 0 < port <= HIGHEST_PORT}

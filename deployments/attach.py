"""How another command finds the servers of a stack that already runs: reads its data folder, without the lock.

`selfheal status`, `heal`, `history` and `doctor` call this; only `up` and `demo` open the folder.
"""

import json
from pathlib import Path
from typing import Any

from deployments import stackfile
from deployments.embedded import roles, stack
from deployments.embedded.credentials import Credentials
from deployments.embedded.datafolder import DataFolder
from deployments.embedded.stack import Servers
from deployments.stackfile import Stack
from selfheal.model.errors import NotAllowed, Permanent
from selfheal.settings.estate import Settings

NOBODY_HOLDS = -1


def running(data: Path) -> Stack | None:
    """The stack that runs in the folder; None when there is none.

    Raises:
        NotAllowed: the folder is another user's.
    """
    try:
        return stackfile.read(data / "run" / "stack.json")
    except PermissionError as error:
        raise closed(data) from error


def servers(data: Path, settings: Settings | None = None) -> Servers:
    """The servers of the folder, to be asked and never to be started.

    Args:
        data: the folder.
        settings: which servers run elsewhere; None: all are embedded.

    Raises:
        NotAllowed: the folder is another user's.
        Permanent: no stack has ever run there, or the settings lack what is needed to get in.
    """
    folder = DataFolder(path=data, credentials=credentials(data), ports=_read(data, "ports.json"), lock=NOBODY_HOLDS)
    try:
        return stack.servers(folder, identity=None, settings=settings)
    except KeyError as error:
        raise _other_version(data) from error


def credentials(data: Path) -> Credentials:
    """The folder's secrets; raises what `servers` raises."""
    try:
        return Credentials(**_read(data, "credentials.json"))
    except TypeError as error:
        raise _other_version(data) from error


def database_url(data: Path, settings: Settings | None = None, *, role: str = roles.HEALER) -> str:
    """SQLAlchemy's URL of our database as one of the roles that log in; raises what `servers` raises."""
    return servers(data, settings).database_url(role)


def _read(data: Path, name: str) -> dict[str, Any]:
    """One of the folder's small files."""
    try:
        kept = json.loads((data / name).read_text(encoding="utf-8"))
    except PermissionError as error:
        raise closed(data) from error
    except (FileNotFoundError, NotADirectoryError) as error:
        raise Permanent(
            f"no stack has ever run in {data}",
            hint=f"start one with `selfheal up --data {data}`, or name its folder with --data",
        ) from error
    except (OSError, ValueError) as error:
        raise Permanent(f"{data / name} cannot be read: {error}", hint="restore it from a backup") from error
    if not isinstance(kept, dict):
        raise Permanent(f"{data / name} is no table", hint="restore it from a backup")
    return kept


def _other_version(data: Path) -> Permanent:
    return Permanent(f"the data folder {data} was made by another version", hint="start `selfheal up` in it once")


def closed(data: Path) -> NotAllowed:
    """The folder is another user's."""
    return NotAllowed(
        f"the data folder {data} belongs to another user: permission denied",
        hint="run this as the user who started the stack (root: with sudo), or name another folder with --data",
    )

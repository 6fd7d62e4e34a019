"""The secrets of the embedded stack, made once, at the first start, and kept in the data folder.

`datafolder.open_folder` calls this. Nothing outside the data folder ever sees them: they reach children
through files of mode 0600 or their environment, never through arguments.
"""

import json
import secrets
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from deployments.embedded.files import write_private
from selfheal.model.errors import Permanent


@dataclass(frozen=True, kw_only=True, repr=False)
class Credentials:
    """Passwords by what they open; never printed (no repr)."""

    postgres_superuser: str
    selfheal_migrator: str
    healing_user: str
    selfheal_api: str
    prefect_database: str
    nats_user: str
    nats_password: str


def load_or_make(path: Path) -> Credentials:
    """Return the kept credentials, making those that are missing (a first start, or a newer version)."""
    kept = _read(path)
    names = [field.name for field in fields(Credentials)]
    missing = {name: _new(name) for name in names if name not in kept}
    credentials = Credentials(**{name: kept.get(name) or missing[name] for name in names})
    if missing:
        write_private(path, json.dumps(asdict(credentials), indent=1))
    return credentials


def _new(name: str) -> str:
    """Make a user name that says whose it is, or a password of 192 bits that needs no quoting in a URL."""
    if name.endswith("_user") and name != "healing_user":
        return "selfheal"
    return secrets.token_urlsafe(24)


def _read(path: Path) -> dict[str, str]:
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise Permanent(
            f"the credentials in {path} cannot be read ({error})",
            hint="restore the file from a backup, or start with an empty data folder",
        ) from error
    if not isinstance(kept, dict) or not all(isinstance(value, str) and value for value in kept.values()):
        raise Permanent(
            f"the credentials in {path} are not a table of names and passwords",
            hint="restore the file from a backup, or start with an empty data folder",
        )
    return kept

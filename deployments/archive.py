"""The file that `selfheal backup` writes: a zip whose last member, the manifest, has the checksum of all others.

Whoever reads a truncated, damaged or foreign file is told so before anything is changed.
"""

import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from selfheal.model.errors import Permanent

FORMAT = 1
MANIFEST, DATABASE, SETTINGS, PORTS = "selfheal-backup.json", "database.dump", "selfheal.toml", "ports.json"
_PIECE = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a backup is.

    Attributes:
        format: of the file.
        release: of Selfheal that wrote it.
        schema: the revision of the database.
        taken_at: the moment of the snapshot, in ISO 8601.
        host: where.
        postgres: major version of the server.
        rows: by table.
        under_way: attempts that were not over at that moment.
        secrets: names of the settings in it that are secrets; empty: it holds none.
        overrides: names of the environment variables that stood above the settings file; their values are not kept.
        members: SHA-256 of each member.
    """

    release: str
    schema: str
    taken_at: str
    host: str
    postgres: int
    rows: Mapping[str, int]
    under_way: int
    secrets: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    members: Mapping[str, str] = field(default_factory=dict)
    format: int = FORMAT


class Writer:
    """Adds members, then the manifest."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.members: dict[str, str] = {}

    def add(self, name: str, source: IO[bytes]) -> None:
        """Add a member and remember its checksum."""
        digest = hashlib.sha256()
        with self._archive.open(name, "w", force_zip64=True) as member:
            while piece := source.read(_PIECE):
                digest.update(piece)
                member.write(piece)
        self.members[name] = digest.hexdigest()

    def close(self, manifest: Manifest) -> None:
        """Add the manifest: without it the file is none of ours."""
        self._archive.writestr(MANIFEST, json.dumps(asdict(manifest) | {"members": self.members}, indent=1))


@contextmanager
def writing(path: Path) -> Iterator[Writer]:
    """Write a file that appears whole or not at all, readable by our own user only.

    Raises:
        Permanent: there is such a file already, the disk is full, or the folder cannot be written.
    """
    refuse_existing(path)
    temporary: Path | None = None
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)  # mode 0600
        temporary = Path(name)
        with os.fdopen(handle, "wb") as file:
            with zipfile.ZipFile(file, "w") as archive:
                yield Writer(archive)
            file.flush()
            os.fsync(file.fileno())
        with reading(temporary):  # what cannot be read back is no backup
            pass
        refuse_existing(path)
        temporary.rename(path)
    except OSError as error:
        raise Permanent(
            f"the backup {path} cannot be written: {error.strerror or error}; nothing is kept of it",
            hint="free space on that disk, or name a file in a folder that you may write",
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def refuse_existing(path: Path) -> None:
    """A backup never takes the place of another file.

    Raises:
        Permanent: something has that name.
    """
    if path.exists() or path.is_symlink():
        raise Permanent(f"{path} exists already", hint="name another file, or move that one away")


class Reader:
    """A whole and undamaged backup."""

    def __init__(self, archive: zipfile.ZipFile, manifest: Manifest) -> None:
        self._archive = archive
        self.manifest = manifest

    def open(self, name: str) -> IO[bytes]:
        """A member, to be streamed."""
        return self._archive.open(name)

    def text(self, name: str) -> str:
        """A small member."""
        return self._archive.read(name).decode()


@contextmanager
def reading(path: Path) -> Iterator[Reader]:
    """Open a backup; every byte of it has been checked.

    Raises:
        Permanent: it is not there, is truncated or damaged, or is none of ours.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            manifest = _manifest(path, archive)
            for name, digest in manifest.members.items():
                if _digest(archive, name) != digest:
                    raise Permanent(f"{path} is damaged: the checksum of {name} is wrong", hint="take another backup")
            yield Reader(archive, manifest)
    except zipfile.BadZipFile as error:
        raise Permanent(
            f"{path} is no backup of Selfheal, or is truncated or damaged ({error})",
            hint="name a file that `selfheal backup` wrote, whole",
        ) from error
    except OSError as error:
        raise Permanent(f"{path} cannot be read: {error.strerror or error}") from error


def _manifest(path: Path, archive: zipfile.ZipFile) -> Manifest:
    try:
        kept: dict[str, Any] = json.loads(archive.read(MANIFEST))
        if kept["format"] != FORMAT:
            raise Permanent(
                f"{path} has format {kept['format']}, which this release does not know", hint="use the newer release"
            )
        kept |= {name: tuple(kept[name]) for name in ("secrets", "overrides")}
        manifest = Manifest(**kept)
        missing = {DATABASE, SETTINGS, PORTS} - set(manifest.members)
    except (KeyError, ValueError, TypeError) as error:
        raise Permanent(f"{path} is no backup of Selfheal", hint="name a file that `selfheal backup` wrote") from error
    if missing:
        raise Permanent(f"{path} has no {', '.join(sorted(missing))}", hint="take another backup")
    return manifest


def _digest(archive: zipfile.ZipFile, name: str) -> str:
    digest = hashlib.sha256()
    try:
        with archive.open(name) as member:
            while piece := member.read(_PIECE):
                digest.update(piece)
    except KeyError:
        return ""
    return digest.hexdigest()

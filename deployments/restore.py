"""Puts a backup into a data folder: whole or not at all, and paused.

Everything is made in `DATA/restoring`, under the folder's lock, and moved into its place at the end: in most
installations only the folder itself is ours to write. While `restoring` is there no stack starts in the folder.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from deployments import archive, backup
from deployments.archive import DATABASE, PORTS, SETTINGS, Manifest, Reader
from deployments.embedded import alone, child, datafolder, dump, roles, stack
from deployments.embedded.datafolder import RESTORING, DataFolder, open_folder
from deployments.embedded.files import write_private
from deployments.migrate import migrate, revisions
from selfheal.model.errors import Permanent, SelfhealError
from selfheal.settings.estate import Settings
from selfheal.settings.file import interpret
from selfheal.store import restored
from selfheal.store.engine import open_engine
from selfheal.store.pauses import Pauses

LOCK, CREDENTIALS, ASIDE = "lock", "credentials.json", "before-restore-"
CONFIG = "selfheal.toml"
WHO = "restore"


@dataclass(frozen=True, kw_only=True)
class Restored:
    """What was restored.

    Attributes:
        manifest: of the backup.
        aside: where the folder's former content is; None: it was empty.
        config: the settings file; None: the stack had none.
        wrong: what is wrong with the settings here; empty: nothing.
        settled: attempts that were under way and are recorded as failed.
    """

    manifest: Manifest
    aside: Path | None
    config: Path | None
    wrong: str
    settled: int


def restore(file: Path, data: Path, *, replace: bool) -> Restored:
    """Restore a backup into an empty data folder, or in place of what is there.

    Raises:
        NotAllowed: a stack runs in the folder.
        Permanent: the file is no whole backup that this release knows, the folder is not empty, or it cannot be
            filled; the folder is as it was before.
    """
    with archive.reading(file) as reader:
        _check_schema(file, reader.manifest)
        with _claimed(data, replace=replace) as former:
            settings, wrong = _settings(reader)
            _refuse_outside(settings)
            staging = data / RESTORING
            settled = _fill(reader, staging, file, server_user=settings.run_as)
            text = reader.text(SETTINGS)
            if text:
                write_private(staging / CONFIG, text)
            write_private(staging / "ports.json", reader.text(PORTS))
            aside = _put_in_place(data, staging, former)
    return Restored(
        manifest=reader.manifest,
        aside=aside,
        config=data / CONFIG if text else None,
        wrong=wrong,
        settled=settled,
    )


def _check_schema(file: Path, manifest: Manifest) -> None:
    if manifest.schema not in revisions():
        raise Permanent(
            f"{file} has schema {manifest.schema}, which this release does not know",
            hint=f"restore it with release {manifest.release} or a newer one",
        )


@contextmanager
def _claimed(data: Path, *, replace: bool) -> Iterator[Sequence[str]]:
    """Hold the folder, with an empty place to work in; gives what is in it. A bad end leaves nothing behind."""
    made = not data.exists()
    lock = datafolder.claim(data)
    try:
        shutil.rmtree(data / RESTORING, ignore_errors=True)  # of a restore that was killed
        former = sorted(path.name for path in data.iterdir() if path.name not in {LOCK, RESTORING})
        former = [name for name in former if not name.startswith(ASIDE)]
        _refuse_former(data, former, replace=replace)
        yield former
    except BaseException:
        shutil.rmtree(data / RESTORING, ignore_errors=True)
        if made:
            shutil.rmtree(data, ignore_errors=True)
        raise
    finally:
        os.close(lock)


def _refuse_former(data: Path, former: Sequence[str], *, replace: bool) -> None:
    """What is in the folder stays there, unless it is a stack's data and may be kept aside."""
    if former and not replace:
        raise Permanent(
            f"the data folder {data} is not empty ({', '.join(former[:4])})",
            hint="name an empty one with --data, or keep what is there aside with --replace",
        )
    if former and CREDENTIALS not in former:
        raise Permanent(
            f"{data} is no data folder of Selfheal ({', '.join(former[:4])})", hint="name an empty folder with --data"
        )


def _settings(reader: Reader) -> tuple[Settings, str]:
    """The settings of the backup, as they are here; defaults where they need something that is not here."""
    try:
        return interpret(reader.text(SETTINGS), path=None), ""
    except SelfhealError as error:
        return Settings(), error.message


def _refuse_outside(settings: Settings) -> None:
    """A stack with these settings would never look at a database that is made here."""
    if settings.postgres.outside:
        raise Permanent(
            f"the settings of this backup keep the database at {settings.postgres.url}, not in a data folder",
            hint="restore that server's own backup (its archive's database.dump is a pg_dump of format custom)",
        )


def _fill(reader: Reader, staging: Path, file: Path, *, server_user: str) -> int:
    """A new folder with the backup's database in it, paused; gives how many attempts were settled."""
    ports = dict.fromkeys((stack.POSTGRES_PORT, stack.NATS_PORT, stack.PREFECT_PORT))
    with open_folder(staging, wanted_ports=ports, server_user=server_user) as folder:
        servers = stack.servers(folder, identity=child.run_as(server_user, folder=staging))
        postgres = stack.embedded_postgres(folder, identity=child.run_as(server_user, folder=staging))
        with alone.serving(postgres):
            stack.prepare(postgres, servers.passwords)
            target = backup.source_of(servers)
            with reader.open(DATABASE) as stream:
                dump.restore(target.dsn, stream)
            _check_rows(target.url, reader.manifest)
            migrate(target.url)
            return _calm(folder, servers, reader.manifest, file)


def _check_rows(url: str, manifest: Manifest) -> None:
    """Every row of the snapshot is there."""
    with backup.connected(url) as connection:
        found = backup.counted(connection)
    short = [name for name, rows in manifest.rows.items() if found.get(name, rows) != rows]
    if short:
        raise Permanent(f"rows are missing in {', '.join(short)} after the restore", hint="take another backup")


def _calm(folder: DataFolder, servers: stack.Servers, manifest: Manifest, file: Path) -> int:
    """Nothing is carried on and nothing is healed until a person says so."""
    url = servers.postgres.url(
        user=roles.HEALER, password=folder.credentials.healing_user, database=roles.SELFHEAL_DATABASE
    )
    engine = open_engine(url)
    try:
        Pauses(engine).pause(who=WHO, why=f"restored from {file.name}, taken {manifest.taken_at} on {manifest.host}")
        return restored.settle(engine)
    finally:
        engine.dispose()


def _put_in_place(data: Path, staging: Path, former: Sequence[str]) -> Path | None:
    """Move the former content aside and the new one in; all of it or nothing."""
    aside = data / f"{ASIDE}{datetime.now(UTC):%Y%m%dT%H%M%SZ}" if former else None
    moves = [(data / name, aside / name) for name in former] if aside else []
    moves += [(path, data / path.name) for path in sorted(staging.iterdir()) if path.name != LOCK]
    done: list[tuple[Path, Path]] = []
    try:
        if aside:
            aside.mkdir(mode=0o711)
        for source, target in moves:
            source.rename(target)
            done.append((source, target))
    except OSError as error:
        for source, target in reversed(done):
            target.rename(source)
        if aside:
            aside.rmdir()
        raise Permanent(
            f"{error.filename} cannot be moved: {error.strerror}",
            hint="is it a mount point? Restore into another folder",
        ) from error
    shutil.rmtree(staging)
    return aside

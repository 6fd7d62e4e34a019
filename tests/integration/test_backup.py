"""Backup and restore on real databases: under load, stopped, elsewhere, in place; and every refusal."""

import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from embedded_fixtures import Embedded, opened, scratch_folder
from fakes import WIDE
from sqlalchemy import Engine, text
from test_admission import a_trigger, ask, finish

from deployments import accepted, archive, attach, backup, restore, stackfile
from deployments.embedded import alone, roles, stack
from deployments.migrate import migrate
from selfheal.model.admission import Decision
from selfheal.model.attempt import Holder, Status, Verification
from selfheal.model.errors import NotAllowed, Permanent
from selfheal.settings.healing import Healing
from selfheal.store.engine import open_engine
from selfheal.store.heals import Heals
from selfheal.store.pauses import Pauses

SETTINGS = """
[supervisors.demo]
url = "http://127.0.0.1:9001"
password = "geheim-4711"
[components.backend]
probe = "http"
url = "http://127.0.0.1:8000/"
"""
NEWEST = (
    "SELECT id, status, completed_at FROM healing_actions WHERE completed_at <= %s ORDER BY created_at DESC LIMIT 5"
)


@dataclass(frozen=True, kw_only=True)
class Taken:
    """A backup that was taken under load, and what the database said of that moment."""

    data: Path
    file: Path
    manifest: archive.Manifest
    under_way: Any


@contextmanager
def served(data: Path) -> Iterator[tuple[Embedded, Engine]]:
    """The database of a data folder, as healing_user."""
    with opened(data) as embedded, alone.serving(embedded.servers.postgres):
        stack.prepare(embedded.servers.postgres, embedded.passwords)
        migrate(embedded.url(roles.MIGRATOR))
        engine = open_engine(embedded.url(roles.HEALER))
        try:
            yield embedded, engine
        finally:
            engine.dispose()


def heals_of(engine: Engine) -> Heals:
    return Heals(engine, Healing.model_validate(WIDE).limits())


@pytest.fixture(scope="module")
def taken() -> Iterator[Taken]:
    """A backup of a running database, taken while four threads heal without a pause; one attempt is under way."""
    with scratch_folder() as data:
        with served(data) as (embedded, engine):
            heals, over = heals_of(engine), threading.Event()

            def storm(name: str) -> None:
                number = 0
                while not over.is_set():
                    number += 1
                    answer = ask(heals, a_trigger(f"{name}-{number}"))
                    assert answer.admitted, answer.reason
                    finish(heals, answer, status=Status.SUCCESS, verification=Verification.HEALED, interrupted=False)

            left = ask(heals, a_trigger("left"))
            assert heals.claim(left.attempt_id, fence=0, holder=Holder(host="here", pid=os.getpid(), started=1))
            (data / "selfheal.toml").write_text(SETTINGS)
            accepted.accept(data, accepted.candidate(data / "selfheal.toml"))
            running = stackfile.current(urls={}, ports=embedded.folder.ports, parts=())
            stackfile.write(embedded.folder.stack_file, running)
            threads = [threading.Thread(target=storm, args=(f"part-{number}",)) for number in range(4)]
            for thread in threads:
                thread.start()
            try:
                while len(threads) * 5 > count(engine):
                    assert all(thread.is_alive() for thread in threads)
                manifest = backup.take(data, data.parent / "monday.zip")
            finally:
                over.set()
                for thread in threads:
                    thread.join()
            stackfile.remove(embedded.folder.stack_file)
            assert count(engine) > manifest.rows["healing_actions"]
        yield Taken(data=data, file=data.parent / "monday.zip", manifest=manifest, under_way=left.attempt_id)


def count(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.execute(text("SELECT count(*) FROM healing_actions")).scalar_one()


def test_a_backup_tells_what_it_is(taken: Taken) -> None:
    """It is private, holds no password of the servers, and names the secret that stands in the settings."""
    assert taken.file.stat().st_mode & 0o777 == 0o600
    assert taken.manifest.secrets == ("supervisors.demo.password",)
    assert taken.manifest.under_way >= 1
    with archive.reading(taken.file) as reader:
        assert reader.manifest == replace(taken.manifest, members=reader.manifest.members)
        assert reader.text(archive.SETTINGS) == SETTINGS
    content = b"".join(zipfile.ZipFile(taken.file).read(name) for name in zipfile.ZipFile(taken.file).namelist())
    for secret in ("postgres_superuser", "healing_user", "selfheal_migrator", "nats_password"):
        assert str(getattr(attach.credentials(taken.data), secret)).encode() not in content


def test_restored_elsewhere_it_is_the_same_and_paused_and_heals_after_resume(taken: Taken) -> None:
    """Rows and newest attempts are those of the snapshot; what was under way is UNKNOWN; resume lets heal again."""
    with scratch_folder() as data:
        done = restore.restore(taken.file, data, replace=False)
        assert (done.settled, done.aside) == (taken.manifest.under_way, None)
        assert (data / "selfheal.toml").read_text() == SETTINGS
        assert not (data / "restoring").exists()
        with served(data) as (embedded, engine), served(taken.data) as (original, _):
            with backup.connected(embedded.url(roles.MIGRATOR)) as connection:
                found = backup.counted(connection)
                when = connection.scalar(text("SELECT max(completed_at) FROM healing_actions WHERE NOT interrupted"))
                newest = connection.exec_driver_sql(NEWEST, (when,)).all()
            assert found == {**taken.manifest.rows, "pauses": 1}
            with backup.connected(original.url(roles.MIGRATOR)) as connection:
                then = {
                    row.id: tuple(row) for row in connection.exec_driver_sql(NEWEST.replace("LIMIT 5", ""), (when,))
                }
            assert [tuple(row) for row in newest] == [then[row.id] for row in newest]
            left = heals_of(engine).attempt(taken.under_way)
            assert (left.status, left.outcome.verification) == (Status.FAILED, Verification.UNKNOWN)
            assert heals_of(engine).expired() == []
            paused = Pauses(engine).current()
            assert (paused.who, "monday.zip" in paused.why) == ("restore", True)
            assert ask(heals_of(engine), a_trigger("left")).decision is Decision.PAUSED
            Pauses(engine).resume(who="ada", why="all is well")
            assert ask(heals_of(engine), a_trigger("left")).admitted


def test_a_stopped_stack_is_backed_up_too_and_restored_in_place(taken: Taken) -> None:
    """Its Postgres is started for the moment; --replace keeps what was there, whole, in the folder."""
    with scratch_folder() as data:
        restore.restore(taken.file, data, replace=False)
        again = backup.take(data, data.parent / "tuesday.zip")
        assert again.rows == {**taken.manifest.rows, "pauses": 1}
        assert again.under_way == 0
        before = (data / "credentials.json").read_text()
        done = restore.restore(data.parent / "tuesday.zip", data, replace=True)
        assert done.aside is not None
        assert (done.aside / "credentials.json").read_text() == before
        assert (done.aside / "postgres" / "data" / "PG_VERSION").exists()
        assert (data / "credentials.json").read_text() != before
        with served(data) as (_, engine):
            assert count(engine) == again.rows["healing_actions"]


def test_a_database_by_url_is_backed_up_where_it_runs(tmp_path: Path) -> None:
    """It is told so, and no file is written."""
    (tmp_path / "run").mkdir()
    accepted.copy_in(tmp_path).write_text('[postgres]\nurl = "postgresql://db.example:5432/selfheal"\n')
    with pytest.raises(Permanent, match="by url"):
        backup.take(tmp_path, tmp_path / "monday.zip")
    assert not (tmp_path / "monday.zip").exists()


def test_no_backup_takes_the_place_of_a_file(taken: Taken) -> None:
    """An existing file is refused by name and stays as it is."""
    before = taken.file.read_bytes()
    with pytest.raises(Permanent, match="exists already"):
        backup.take(taken.data, taken.file)
    assert taken.file.read_bytes() == before


def test_a_full_disk_leaves_nothing_of_a_backup(taken: Taken) -> None:
    """What cannot be written whole is not kept, and the reason is told in a line."""
    # a limit of the file's size stands for a full disk: both end a write in the middle with an OSError
    program = """
import resource, signal, sys
from console import cli
from deployments.archive import Writer

def add(self, name, source, whole=Writer.add):
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
    whole(self, name, source)

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
Writer.add = add
sys.exit(cli.main(sys.argv[1:]))
"""
    target = taken.data.parent / "full" / "monday.zip"
    target.parent.mkdir()
    words = [sys.executable, "-c", program, "backup", str(target), "--data", str(taken.data)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(target.parent.iterdir()) == []


def cut(file: Path, target: Path) -> None:
    target.write_bytes(file.read_bytes()[:-100])


def flip(file: Path, target: Path) -> None:
    content = bytearray(file.read_bytes())
    content[2000] ^= 0xFF
    target.write_bytes(content)


def foreign(_: Path, target: Path) -> None:
    with zipfile.ZipFile(target, "w") as archived:
        archived.writestr("letter.txt", "Dear Ada")


def text_file(_: Path, target: Path) -> None:
    target.write_text("Dear Ada")


def newer(file: Path, target: Path) -> None:
    rewritten(file, target, b'"schema": "0001"', b'"schema": "9999"')


def newer_format(file: Path, target: Path) -> None:
    rewritten(file, target, b'"format": 1', b'"format": 2')


def altered(file: Path, target: Path) -> None:
    rewritten(file, target, b"geheim-4711", b"geheim-4712", member=archive.SETTINGS)


def rewritten(file: Path, target: Path, old: bytes, new: bytes, *, member: str = archive.MANIFEST) -> None:
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(target, "w") as copy:
        for name in source.namelist():
            content = source.read(name)
            copy.writestr(name, content.replace(old, new) if name == member else content)


def missing(_: Path, target: Path) -> None:
    target.unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (cut, "truncated or damaged"),
        (flip, "damaged"),
        (altered, "the checksum of selfheal.toml is wrong"),
        (foreign, "no backup of Selfheal"),
        (text_file, "no backup of Selfheal"),
        (newer, "schema 9999, which this release does not know"),
        (newer_format, "format 2, which this release does not know"),
        (missing, "cannot be read"),
    ],
)
def test_what_is_no_whole_backup_is_refused_and_changes_nothing(
    taken: Taken, tmp_path: Path, make: Any, said: str
) -> None:
    """Truncated, damaged, foreign, of a newer release, missing: named, and no folder is made."""
    make(taken.file, tmp_path / "x.zip")
    with pytest.raises(Permanent, match=said):
        restore.restore(tmp_path / "x.zip", tmp_path / "data", replace=False)
    assert not (tmp_path / "data").exists()


def test_a_folder_with_data_is_refused(taken: Taken, tmp_path: Path) -> None:
    """Without --replace a folder that is not empty stays as it is; a folder of something else also with it."""
    (tmp_path / "letter.txt").write_text("Dear Ada")
    for replacing, said in ((False, "is not empty"), (True, "no data folder of Selfheal")):
        with pytest.raises(Permanent, match=said):
            restore.restore(taken.file, tmp_path, replace=replacing)
        assert {path.name for path in tmp_path.iterdir()} == {"letter.txt", "lock"}


def test_a_folder_in_use_is_refused(taken: Taken) -> None:
    """While a stack holds the folder nothing is restored into it, with or without --replace."""
    with scratch_folder() as data, opened(data) as embedded:
        before = embedded.folder.credentials
        for replacing in (False, True):
            with pytest.raises(NotAllowed, match="a stack already runs"):
                restore.restore(taken.file, data, replace=replacing)
        assert attach.credentials(data) == before


def test_a_killed_restore_is_no_data_folder(taken: Taken) -> None:
    """No stack starts in a folder that is half, and it is no backup; the same restore again makes it whole."""
    with scratch_folder() as data:
        (data / "restoring").mkdir(parents=True)
        with pytest.raises(Permanent, match="was interrupted"), opened(data):
            pass
        with pytest.raises(Permanent, match="was interrupted"):
            backup.take(data, data.parent / "half.zip")
        restore.restore(taken.file, data, replace=False)
        with opened(data):
            pass

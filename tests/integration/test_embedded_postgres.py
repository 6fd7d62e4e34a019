"""The embedded Postgres: who gets in, what each role may do, and starts after bad ends."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import psycopg
import pytest
from embedded_fixtures import Embedded, gone, is_root, opened, running, until

from benchmarks.freezing import freeze
from deployments.embedded import roles, stack
from deployments.migrate import migrate
from selfheal.model.errors import Permanent


def test_runs_on_loopback_as_an_unprivileged_user(embedded_postgres: Embedded) -> None:
    """The server listens on loopback only and, when we are root, belongs to another user."""
    port = embedded_postgres.servers.postgres.port
    listeners = [c for c in psutil.net_connections("inet") if c.laddr.port == port and c.status == "LISTEN"]
    assert [c.laddr.ip for c in listeners] == ["127.0.0.1"]
    assert (psutil.Process(listeners[0].pid).uids().effective != 0) == is_root() or not is_root()
    cluster = embedded_postgres.servers.postgres.cluster
    assert cluster.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("password", ["", "wrong"])
def test_a_wrong_password_is_refused(embedded_postgres: Embedded, password: str) -> None:
    """Nobody gets in without the password, not even over the local socket's owner."""
    postgres = embedded_postgres.servers.postgres
    for host in ("127.0.0.1", str(postgres.folder)):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(host=host, port=postgres.port, user="postgres", password=password, dbname="postgres")


def test_roles_get_into_their_own_database_only(embedded_postgres: Embedded) -> None:
    """Healer, web server and migrator reach `selfheal`, Prefect reaches `prefect`, and none the other's."""
    for role, own, foreign in (
        (roles.MIGRATOR, "selfheal", "prefect"),
        (roles.HEALER, "selfheal", "prefect"),
        (roles.API, "selfheal", "prefect"),
        (roles.PREFECT, "prefect", "selfheal"),
    ):
        psycopg.connect(embedded_postgres.dsn(role, own)).close()
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(embedded_postgres.dsn(role, foreign))


def test_the_healer_cannot_make_anything(embedded_postgres: Embedded) -> None:
    """`healing_user` may neither create in the schema nor become another role, and its waits are bounded."""
    with psycopg.connect(embedded_postgres.dsn(roles.HEALER), autocommit=True) as healer:
        for statement in ("CREATE TABLE t (i int)", "CREATE TEMP TABLE t (i int)", "CREATE SCHEMA s"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                healer.execute(statement)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            healer.execute("SET ROLE selfheal_owner")
        assert healer.execute("SHOW lock_timeout").fetchone() == ("5s",)


def test_what_the_migrator_makes_belongs_to_the_owner(embedded_postgres: Embedded) -> None:
    """The migrator works as `selfheal_owner` without asking, so that no login role owns a table."""
    with psycopg.connect(embedded_postgres.dsn(roles.MIGRATOR)) as migrator:
        migrator.execute("CREATE TABLE owned (i int)")
        row = migrator.execute("SELECT tableowner FROM pg_tables WHERE tablename = 'owned'").fetchone()
        migrator.rollback()
    assert row == ("selfheal_owner",)


def test_preparing_twice_changes_nothing(
    embedded_postgres: Embedded, superuser: psycopg.Connection[tuple[object, ...]]
) -> None:
    """The roles are made idempotently, also from their own state after a restart."""
    question = "SELECT rolname, rolcanlogin, rolsuper, rolcreatedb, rolcreaterole FROM pg_roles ORDER BY 1"
    before = superuser.execute(question).fetchall()
    stack.prepare(embedded_postgres.servers.postgres, embedded_postgres.passwords)
    assert superuser.execute(question).fetchall() == before
    psycopg.connect(embedded_postgres.dsn(roles.HEALER)).close()


def test_a_folder_from_before_the_web_server_comes_up(scratch: Path) -> None:
    """The roles, and the password, that an older data folder lacks are made at its next start; the others stay."""
    with opened(scratch) as embedded:
        postgres = embedded.servers.postgres
        with running(postgres.start(), postgres.ready, end=signal.SIGQUIT):
            stack.prepare(postgres, embedded.passwords)
            with psycopg.connect(postgres.superuser_dsn(), autocommit=True) as superuser:
                superuser.execute("REVOKE CONNECT ON DATABASE selfheal FROM selfheal_api, selfheal_viewer")
                superuser.execute("DROP ROLE selfheal_api, selfheal_api_admin, selfheal_viewer")
            healer = embedded.passwords.healer
    kept = scratch / "credentials.json"
    secrets = json.loads(kept.read_text())
    del secrets["selfheal_api"]
    kept.write_text(json.dumps(secrets))
    with opened(scratch) as embedded:
        postgres = embedded.servers.postgres
        with running(postgres.start(), postgres.ready, end=signal.SIGQUIT):
            stack.prepare(postgres, embedded.passwords)
            migrate(embedded.url(roles.MIGRATOR))
            with psycopg.connect(embedded.dsn(roles.API)) as api:
                assert api.execute("SELECT count(*) FROM pauses").fetchone() == (0,)
                api.execute("SET ROLE selfheal_api_admin")
            assert embedded.passwords.healer == healer


def test_promises_durable_commits(superuser: psycopg.Connection[tuple[object, ...]]) -> None:
    """A commit that was answered is on disk: neither fsync nor synchronous_commit is off."""
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        assert superuser.execute("SELECT current_setting(%s)", (setting,)).fetchone() == ("on",)
    question = "SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = 'selfheal'"
    assert superuser.execute(question).fetchone() == ("UTF8",)


def test_no_password_in_arguments_or_log(embedded_postgres: Embedded) -> None:
    """No secret shows in the process list or in the server's log."""
    secrets = [embedded_postgres.passwords.healer, embedded_postgres.folder.credentials.postgres_superuser]
    seen = embedded_postgres.servers.postgres.log.read_text()
    for process in psutil.process_iter(["cmdline"]):
        seen += " ".join(process.info["cmdline"] or [])
    assert not [secret for secret in secrets if secret in seen]
    assert not (embedded_postgres.servers.postgres.folder / "initdb-password").exists()


def test_an_interrupted_first_start_does_not_poison_the_next(scratch: Path) -> None:
    """A half-made cluster of a killed first start is thrown away, and the data of a whole one is kept."""
    with opened(scratch) as embedded:
        postgres = embedded.servers.postgres
        unfinished = postgres.folder / "data.unfinished"
        (unfinished / "base").mkdir(parents=True)
        (unfinished / "PG_VERSION").write_text("18\n")
        with running(postgres.start(), postgres.ready):
            assert not unfinished.exists()
            with psycopg.connect(postgres.superuser_dsn(), autocommit=True) as connection:
                connection.execute("CREATE DATABASE kept")
    with opened(scratch) as embedded:
        postgres = embedded.servers.postgres
        with (
            running(postgres.start(), postgres.ready),
            psycopg.connect(postgres.superuser_dsn()) as connection,
        ):
            assert connection.execute("SELECT 1 FROM pg_database WHERE datname = 'kept'").fetchone() == (1,)


def test_a_lock_with_a_foreign_process_number_is_forgotten(scratch: Path) -> None:
    """A left-over postmaster.pid whose number now belongs to another program does not stop the start."""
    with opened(scratch) as embedded:
        postgres = embedded.servers.postgres
        with running(postgres.start(), postgres.ready) as process:
            process.send_signal(signal.SIGKILL)
            process.wait()
        lock = postgres.cluster / "postmaster.pid"
        lock.write_text(lock.read_text().replace(str(process.pid), str(os.getpid()), 1))
        with running(postgres.start(), postgres.ready):
            pass


def test_a_killed_server_waits_for_its_backends(scratch: Path) -> None:
    """While a backend of a killed server lives, a new server refuses to start; afterwards it starts."""
    with opened(scratch) as embedded:
        postgres = embedded.servers.postgres
        process = postgres.start()
        with running(process, postgres.ready), psycopg.connect(postgres.superuser_dsn()) as connection:
            backend = connection.info.backend_pid
            freeze(backend)
            process.kill()
            process.wait()
            try:
                assert postgres.start().wait(60) == 1
                assert "shared memory block" in postgres.log.read_text()
            finally:
                os.kill(backend, signal.SIGKILL)
        until(lambda: gone(backend))
        with running(postgres.start(), postgres.ready):
            pass


def test_a_folder_with_something_else_in_it_is_refused(scratch: Path) -> None:
    """A data folder that is no cluster is neither used nor overwritten."""
    with opened(scratch) as embedded:
        postgres = embedded.servers.postgres
        postgres.cluster.mkdir()
        (postgres.cluster / "precious").touch()
        with pytest.raises(Permanent, match="holds no Postgres cluster"):
            postgres.start()
        assert (postgres.cluster / "precious").exists()


def test_a_deep_folder_has_no_socket(scratch: Path) -> None:
    """A folder whose name is too long for a Unix socket is served over TCP only."""
    deep = scratch / ("d" * 120)
    scratch.mkdir()
    with opened(deep) as embedded:
        postgres = embedded.servers.postgres
        with running(postgres.start(), postgres.ready):
            assert not list(postgres.folder.glob(".s.PGSQL*"))


def test_the_port_is_not_taken_from_another_program(scratch: Path) -> None:
    """The server that finds its port taken ends with an error instead of serving another's clients."""
    with opened(scratch) as embedded:
        postgres = embedded.servers.postgres
        program = (
            f"import socket, sys; s = socket.create_server(('127.0.0.1', {postgres.port})); "
            "print('up', flush=True); sys.stdin.read()"
        )
        words = [sys.executable, "-c", program]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as foreign:
            assert foreign.stdout is not None
            foreign.stdout.readline()
            assert postgres.start().wait(60) == 1
            foreign.kill()
